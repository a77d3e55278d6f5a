package io.parley.workers.model;

import io.parley.workers.engine.WeightType;
import java.util.Locale;
import java.util.Optional;

/**
 * A model's spec in its parts: {@code WHERE#sha256=…&weights=…}, each of the two if it is there.
 *
 * @param where a name, or a source
 * @param sha256 as it was written, in lower case
 */
record SpecOptions(String where, Optional<String> sha256, Optional<WeightType> weights) {
  private static final String SHA256 = "sha256=";
  private static final String WEIGHTS = "weights=";

  /**
   * Reads a spec. A {@code #} that none of the two follows is part of a name.
   *
   * @throws ModelStoreException when an option is there twice, or not one
   */
  static SpecOptions parse(String spec) {
    int mark = spec.lastIndexOf('#');
    String options = spec.substring(mark + 1);
    if (mark < 0 || !(options.startsWith(SHA256) || options.startsWith(WEIGHTS))) {
      return new SpecOptions(spec, Optional.empty(), Optional.empty());
    }
    Optional<String> sha256 = Optional.empty();
    Optional<WeightType> weights = Optional.empty();
    for (String option : options.split("&", -1)) {
      if (option.startsWith(SHA256) && sha256.isEmpty()) {
        sha256 = Optional.of(option.substring(SHA256.length()).toLowerCase(Locale.ROOT));
      } else if (option.startsWith(WEIGHTS) && weights.isEmpty()) {
        weights = Optional.of(weights(option.substring(WEIGHTS.length())));
      } else {
        throw new ModelStoreException(
            "behind a model's # there may be sha256=… and weights=…, once each, not '"
                + option
                + "'");
      }
    }
    return new SpecOptions(spec.substring(0, mark), sha256, weights);
  }

  private static WeightType weights(String label) {
    return WeightType.find(label)
        .orElseThrow(
            () ->
                new ModelStoreException("a model's weights are bf16 or int8, not '" + label + "'"));
  }
}
