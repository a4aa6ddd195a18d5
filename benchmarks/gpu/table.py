"""Two tables in Markdown: what was measured, and the goals with their verdicts.

Arguments: our file, with lines "name,microseconds,bytes,managed bytes,seconds of the first run", and PyTorch's, with the first three, which
may be empty. A goal that needs a figure which is not there is not judged.
"""
import sys


def read(path):
    with open(path) as lines:
        parts = [line.strip().rsplit(",", fields) for line in lines if line.strip()]
    return {name: [float(number) for number in numbers] for name, *numbers in parts}


fields = 4
ours = read(sys.argv[1])
fields = 2
torch = read(sys.argv[2])
copies = [side["copy"] for side in (ours, torch) if "copy" in side]
bandwidth = max(size / time for time, size, *_ in copies)


def percent_of_copy(name):
    time, size = ours[name][:2]
    return 100 * size / time / bandwidth


def times_faster(name, theirs=None):
    other = torch.get(theirs or name)
    return other[0] / ours[name][0] if other else None


print(f"Copy bandwidth: {bandwidth * 1e-6:.2f} TB/s, the better of ours and PyTorch's.\n" if torch else
      f"Copy bandwidth: {bandwidth * 1e-6:.2f} TB/s, ours. PyTorch was not there: no ratio to it is known.\n")
print("| what | us | % of copy | PyTorch us | times PyTorch | managed bytes | first run s |")
print("|---|---|---|---|---|---|---|")
for name, (time, size, managed, first) in ours.items():
    share, other = f"{percent_of_copy(name):.0f}" if size else "-", torch.get(name)
    print(f"| {name} | {time:.1f} | {share} | {f'{other[0]:.1f}' if other else '-'} | {f'{times_faster(name):.2f}' if other else '-'} "
          f"| {managed:.0f} | {first:.2f} |")
for name in [name for name in torch if name not in ours]:
    print(f"| {name} (PyTorch alone) | - | - | {torch[name][0]:.1f} | - | - | - |")

at_least, at_most = (lambda value, goal: value >= goal), (lambda value, goal: value <= goal)
steps = [name for name in ours if "step" in name]
goals = [
    ("elementwise, % of copy", percent_of_copy("elementwise"), at_least, 92),
    ("adam step, % of copy", percent_of_copy("adam step"), at_least, 92),
    ("layer norm forward, % of copy", percent_of_copy("layer norm forward"), at_least, 88),
    ("layer norm forward, times PyTorch", times_faster("layer norm forward"), at_least, 1.5),
    ("layer norm backward, % of copy", percent_of_copy("layer norm backward"), at_least, 80),
    ("layer norm backward, times PyTorch", times_faster("layer norm backward"), at_least, 1.5),
    ("softmax cross-entropy, % of copy", percent_of_copy("softmax cross-entropy"), at_least, 85),
    ("ln-lstm step, times PyTorch", times_faster("ln-lstm step"), at_least, 5),
    ("ln-lstm step, times cuDNN's LSTM without normalization", times_faster("ln-lstm step", "plain lstm step, cuDNN"), at_least, 0.5),
    ("mlp step, times PyTorch", times_faster("mlp step"), at_least, 3),
    ("mlp step, times PyTorch's captured graph", times_faster("mlp step", "mlp step, captured"), at_least, 1),
    ("managed bytes per training step", max(ours[name][2] for name in steps), at_most, 0),
    ("seconds to compile, the slowest first run", max(first for *_, first in ours.values()), at_most, 2),
]
print("\n| goal | at least or most | measured | verdict |")
print("|---|---|---|---|")
for name, value, meets, goal in goals:
    bound = f"{'>=' if meets is at_least else '<='} {goal}"
    print(f"| {name} | {bound} | {'-' if value is None else f'{value:.2f}'} "
          f"| {'not judged' if value is None else 'met' if meets(value, goal) else 'MISSED'} |")
