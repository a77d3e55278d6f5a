package io.parley.workers.encoder;

import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.safetensors.SafetensorsFile;
import io.parley.workers.safetensors.TensorEntry;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The names that BERT's tensors have in a file, and the shapes that they must have. */
public final class EncoderTensors {
  public static final String WORDS = "embeddings.word_embeddings.weight";
  public static final String POSITIONS = "embeddings.position_embeddings.weight";
  public static final String TYPES = "embeddings.token_type_embeddings.weight";
  public static final String EMBEDDING_NORM = "embeddings.LayerNorm";
  public static final String QUERY = "attention.self.query";
  public static final String KEY = "attention.self.key";
  public static final String VALUE = "attention.self.value";
  public static final String ATTENTION_OUT = "attention.output.dense";
  public static final String ATTENTION_NORM = "attention.output.LayerNorm";
  public static final String UP = "intermediate.dense";
  public static final String DOWN = "output.dense";
  public static final String OUTPUT_NORM = "output.LayerNorm";

  /** Of other uses of the same network; an embedding does without them. */
  private static final Set<String> UNUSED =
      Set.of("embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias");

  private EncoderTensors() {}

  /** A part of a layer. */
  public static String of(int layer, String part) {
    return "encoder.layer." + layer + "." + part;
  }

  /**
   * Checks that the file has each tensor in the right shape, and no other one: an unknown tensor
   * would silently be missing in the result.
   *
   * @throws UnsupportedModelException naming the tensor that is wrong
   * @throws io.parley.workers.safetensors.SafetensorsException when one is missing
   */
  public static void check(SafetensorsFile file, EncoderConfig config) {
    // so that what is made for each layer is in proportion to the file
    if (config.layers() > file.tensors().size()) {
      throw new UnsupportedModelException("there are more layers than tensors");
    }
    Map<String, List<Long>> wanted = shapes(config);
    wanted.forEach(
        (name, shape) -> {
          TensorEntry entry = file.tensor(name);
          if (!entry.shape().equals(shape)) {
            throw new UnsupportedModelException(
                "tensor '%s' is %s; config.json says %s".formatted(name, entry.shape(), shape));
          }
          if (!Set.of("F32", "F16", "BF16").contains(entry.type())) {
            throw new UnsupportedModelException(
                "tensor '%s' is of %s; F32, F16 and BF16 are supported"
                    .formatted(name, entry.type()));
          }
        });
    Set<String> unknown = new HashSet<>(file.tensors().keySet());
    unknown.removeAll(wanted.keySet());
    unknown.removeAll(UNUSED);
    if (!unknown.isEmpty()) {
      throw new UnsupportedModelException(
          "tensor '%s' is not part of the encoders that are supported"
              .formatted(unknown.stream().sorted().findFirst().orElseThrow()));
    }
  }

  private static Map<String, List<Long>> shapes(EncoderConfig config) {
    long hidden = config.hidden();
    long inner = config.feedForward();
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    shapes.put(WORDS, List.of((long) config.vocabularySize(), hidden));
    shapes.put(POSITIONS, List.of((long) config.positions(), hidden));
    shapes.put(TYPES, List.of((long) config.tokenTypes(), hidden));
    pair(shapes, EMBEDDING_NORM, List.of(hidden), hidden);
    for (int layer = 0; layer < config.layers(); layer++) {
      for (String part : List.of(QUERY, KEY, VALUE, ATTENTION_OUT)) {
        pair(shapes, of(layer, part), List.of(hidden, hidden), hidden);
      }
      pair(shapes, of(layer, ATTENTION_NORM), List.of(hidden), hidden);
      pair(shapes, of(layer, UP), List.of(inner, hidden), inner);
      pair(shapes, of(layer, DOWN), List.of(hidden, inner), hidden);
      pair(shapes, of(layer, OUTPUT_NORM), List.of(hidden), hidden);
    }
    return shapes;
  }

  private static void pair(
      Map<String, List<Long>> shapes, String name, List<Long> weight, long bias) {
    shapes.put(name + ".weight", weight);
    shapes.put(name + ".bias", List.of(bias));
  }
}
