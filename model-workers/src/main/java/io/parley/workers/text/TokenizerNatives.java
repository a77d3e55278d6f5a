package io.parley.workers.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.Properties;

/**
 * Puts the tokenizers' native library into our own cache and tells DJL to load it from there: DJL
 * by itself would unpack it under the home folder, and would report its use over the network.
 */
final class TokenizerNatives {
  private static final String LIBRARY_PATH = "RUST_LIBRARY_PATH";
  private static final String NO_REPORTS = "OPT_OUT_TRACKING";

  private TokenizerNatives() {}

  /**
   * Must run before DJL's tokenizers are first used. Does nothing where the library's place is
   * configured already, or on a platform that the jar has no library for (DJL then says so).
   *
   * @throws TokenizerException when the cache cannot be written
   */
  static synchronized void prepare(Path cache) {
    if (System.getenv(NO_REPORTS) == null && System.getProperty(NO_REPORTS) == null) {
      System.setProperty(NO_REPORTS, "true");
    }
    if (System.getenv(LIBRARY_PATH) != null || System.getProperty(LIBRARY_PATH) != null) {
      return;
    }
    String name = System.mapLibraryName("tokenizers");
    String resource = "native/lib/" + platform() + "/cpu/" + name;
    ClassLoader loader = TokenizerNatives.class.getClassLoader();
    Path folder = null;
    try (InputStream library = loader.getResourceAsStream(resource)) {
      if (library == null) {
        return;
      }
      folder = cache.resolve("natives").resolve("tokenizers-" + version(loader));
      Path target = folder.resolve(name);
      if (!Files.isRegularFile(target)) {
        Files.createDirectories(folder);
        Path part = Files.createTempFile(folder, name, ".part");
        try {
          Files.copy(library, part, StandardCopyOption.REPLACE_EXISTING);
          Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
        } finally {
          Files.deleteIfExists(part);
        }
      }
      // the file, not its folder: with a folder DJL fails on machines without CUDA
      System.setProperty(LIBRARY_PATH, target.toString());
    } catch (IOException e) {
      throw new TokenizerException(
          "cannot unpack the tokenizers' native library to "
              + (folder == null ? cache : folder)
              + ": "
              + e,
          e);
    }
  }

  private static String platform() {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String architecture = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    return (system.startsWith("mac") ? "osx" : system.startsWith("win") ? "win" : "linux")
        + "-"
        + (architecture.equals("arm64") || architecture.equals("aarch64") ? "aarch64" : "x86_64");
  }

  private static String version(ClassLoader loader) throws IOException {
    try (InputStream in = loader.getResourceAsStream("native/lib/tokenizers.properties")) {
      Properties properties = new Properties();
      if (in != null) {
        properties.load(in);
      }
      return properties.getProperty("version", "unknown");
    }
  }
}
