using System.Numerics;

namespace MiniGrad;

/// <summary>The nodes that a tape may use again, by type.</summary>
internal sealed class NodePools<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private Stack<TapeNode<T>>[] pools = [];

    public TNode Take<TNode>()
        where TNode : TapeNode<T>, new()
    {
        int index = NodeType<TNode>.Index;
        if (index >= pools.Length)
        {
            int known = pools.Length;
            Array.Resize(ref pools, index + 16);
            for (int i = known; i < pools.Length; i++)
            {
                pools[i] = new Stack<TapeNode<T>>();
            }
        }
        return pools[index].TryPop(out TapeNode<T>? node) ? (TNode)node : new TNode { PoolIndex = index };
    }

    public void Return(TapeNode<T> node) => pools[node.PoolIndex].Push(node);

    private static class NodeType<TNode>
    {
        public static readonly int Index = Interlocked.Increment(ref lastIndex);
    }

    private static int lastIndex = -1;
}
