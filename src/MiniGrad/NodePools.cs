using System.Numerics;
using System.Runtime.CompilerServices;

namespace MiniGrad;

/// <summary>The nodes that a tape may use again, by type: chains linked by <see cref="TapeNode{T}.Next"/>.</summary>
internal sealed class NodePools<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private Chain[] pools = new Chain[32];

    public TNode Take<TNode>()
        where TNode : TapeNode<T>, new()
    {
        int index = NodeType<TNode>.Index;
        if (index >= pools.Length)
        {
            Array.Resize(ref pools, index + 16);
        }
        ref Chain pool = ref pools[index];
        if (pool.First is not { } node)
        {
            return new TNode { PoolIndex = index };
        }
        pool.First = node.Next;
        return Unsafe.As<TNode>(node); // Its pool holds no other.
    }

    public void Return(TapeNode<T> node)
    {
        ref Chain pool = ref pools[node.PoolIndex];
        node.Next = pool.First;
        pool.First = node;
    }

    // A struct, since storing to an array of classes looks up whether the array may hold that class.
    private struct Chain
    {
        public TapeNode<T>? First;
    }

    private static class NodeType<TNode>
    {
        public static readonly int Index = Interlocked.Increment(ref lastIndex);
    }

    private static int lastIndex = -1;
}
