"""The goals, from two files of lines "name,microseconds,bytes": ours, then PyTorch's (which may be empty)."""
import sys


def read(path):
    with open(path) as lines:
        parts = [line.strip().rsplit(",", 2) for line in lines if line.strip()]
    return {name: (float(time), int(size)) for name, time, size in parts}


ours, torch = read(sys.argv[1]), read(sys.argv[2])
copy = torch.get("copy")
bandwidth = copy[1] / copy[0] if copy else None
shares = {"elementwise": 92, "adam step": 92, "layer norm forward": 88, "layer norm backward": 80, "softmax cross-entropy": 85}
ratios = {"layer norm forward": 1.5, "layer norm backward": 1.5, "mlp step": 3, "ln-lstm step": 5}

print("| what | us | % of copy | goal | PyTorch us | times PyTorch | goal |")
print("|---|---|---|---|---|---|---|")
for name, (time, size) in ours.items():
    share = f"{100 * size / time / bandwidth:.0f}" if size and bandwidth else "-"
    other = torch.get(name)
    print(f"| {name} | {time:.1f} | {share} | {shares.get(name, '-')} | {f'{other[0]:.1f}' if other else '-'} "
          f"| {f'{other[0] / time:.2f}' if other else '-'} | {ratios.get(name, '-')} |")
for name, (time, size) in torch.items():
    if name not in ours:
        print(f"| {name} (PyTorch alone) | | | | {time:.1f} | | |")
