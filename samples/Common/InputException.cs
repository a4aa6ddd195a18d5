namespace MiniGrad.Samples;

/// <summary>What the user gave cannot be used. The message is one line for them: what, why, and what would be right.</summary>
public sealed class InputException(string message) : Exception(message);
