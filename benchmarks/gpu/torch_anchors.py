"""PyTorch's times for what MiniGrad.GpuBenchmarks times, in the same form: name, microseconds, bytes that have to be moved."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
device = "cuda"


def report(name, run, size=0, repeats=50):
    for _ in range(10):
        run()
    torch.cuda.synchronize()
    times = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e3)
    print(f"{name},{sorted(times)[len(times) // 2]:.1f},{size}", flush=True)


rows, columns = 16384, 4096
tensor = 4 * rows * columns
x, y, dy = torch.randn(rows, columns, device=device), torch.empty(rows, columns, device=device), torch.randn(rows, columns, device=device)
report("copy", lambda: y.copy_(x), 2 * tensor)
report("elementwise", lambda: torch.tanh(x, out=y), 2 * tensor)

norm = nn.LayerNorm(columns, device=device)
with torch.no_grad():
    report("layer norm forward", lambda: norm(x), 2 * tensor)
leaf = x.clone().requires_grad_()
out = norm(leaf)
report("layer norm backward", lambda: torch.autograd.grad(out, [leaf, norm.weight, norm.bias], dy, retain_graph=True), 3 * tensor)

leaf.grad = dy
adam = torch.optim.Adam([leaf], lr=1e-9, fused=True)
report("adam step", adam.step, 7 * tensor)
labels = torch.arange(rows, device=device) % columns
report("softmax cross-entropy", lambda: torch.autograd.grad(F.cross_entropy(leaf, labels), leaf), 2 * tensor)

net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10)).to(device)
sgd = torch.optim.SGD(net.parameters(), lr=0.1)
images, classes = torch.randn(128, 784, device=device), torch.arange(128, device=device) % 10


def mlp_step():
    sgd.zero_grad(set_to_none=False)
    F.cross_entropy(net(images), classes).backward()
    sgd.step()


report("mlp step", mlp_step, repeats=200)
side = torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    for _ in range(5):
        mlp_step()
torch.cuda.current_stream().wait_stream(side)
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    mlp_step()
report("mlp step, captured", graph.replay, repeats=200)


class LayerNormLstm(nn.Module):
    """The cell of Ba, Kiros and Hinton 2016."""

    def __init__(self, size):
        super().__init__()
        self.of_x, self.of_h = nn.Linear(size, 4 * size, bias=False), nn.Linear(size, 4 * size)
        self.norm_x, self.norm_h, self.norm_c = nn.LayerNorm(4 * size), nn.LayerNorm(4 * size), nn.LayerNorm(size)

    def forward(self, inputs):
        h = c = torch.zeros_like(inputs[0])
        outputs = []
        for step in inputs:
            f, i, o, g = (self.norm_x(self.of_x(step)) + self.norm_h(self.of_h(h))).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(self.norm_c(c))
            outputs.append(h)
        return torch.stack(outputs)


sequence = torch.randn(128, 64, 512, device=device)
ours, plain = LayerNormLstm(512).to(device), nn.LSTM(512, 512).to(device)
report("ln-lstm step", lambda: ours(sequence).sum().backward(), repeats=10)
report("plain lstm step, cuDNN", lambda: plain(sequence)[0].sum().backward(), repeats=20)
