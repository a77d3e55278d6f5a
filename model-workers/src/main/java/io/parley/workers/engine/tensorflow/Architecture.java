package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.UnsupportedModelException;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The families of decoders that the engine runs, as GGUF files name them ({@code
 * general.architecture}), and what each has besides the parts that all have. {@link DecoderConfig}
 * makes a description of each layer from it, which is all that the graphs' builders see.
 */
enum Architecture {
  LLAMA("llama", RotaryPairs.ADJACENT, Gate.SILU),
  QWEN2("qwen2", RotaryPairs.HALVES, Gate.SILU, Part.QKV_BIAS),
  QWEN3("qwen3", RotaryPairs.HALVES, Gate.SILU, Part.HEAD_NORMS),
  GEMMA3(
      "gemma3",
      RotaryPairs.HALVES,
      Gate.GELU,
      Part.HEAD_NORMS,
      Part.POST_NORMS,
      Part.SCALED_EMBEDDING,
      Part.LOCAL_LAYERS);

  /** What not every family has. */
  enum Part {
    /** Queries, keys and values have biases. */
    QKV_BIAS,
    /** Each head's query and key is normalised before it is turned. */
    HEAD_NORMS,
    /** What attention and feed-forward give is normalised before it is added to the stream. */
    POST_NORMS,
    /** Embeddings are multiplied by the root of their width. */
    SCALED_EMBEDDING,
    /** Most layers see the last positions only, and turn heads by a base of their own. */
    LOCAL_LAYERS
  }

  private final String label;
  private final RotaryPairs pairs;
  private final Gate gate;

  @SuppressWarnings("ImmutableEnumChecker") // never changed
  private final Set<Part> parts = EnumSet.noneOf(Part.class);

  Architecture(String label, RotaryPairs pairs, Gate gate, Part... parts) {
    this.label = label;
    this.pairs = pairs;
    this.gate = gate;
    this.parts.addAll(Arrays.asList(parts));
  }

  /**
   * The family that a file names.
   *
   * @throws UnsupportedModelException when it is not one of these
   */
  static Architecture of(String label) {
    return Arrays.stream(values())
        .filter(architecture -> architecture.label.equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new UnsupportedModelException(
                    "architecture '" + label + "' is not supported; supported are " + labels()));
  }

  private static String labels() {
    return Arrays.stream(values()).map(Architecture::label).collect(Collectors.joining(", "));
  }

  String label() {
    return label;
  }

  RotaryPairs pairs() {
    return pairs;
  }

  Gate gate() {
    return gate;
  }

  boolean has(Part part) {
    return parts.contains(part);
  }
}
