package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.ImportListener;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;

/**
 * TensorFlow's native libraries: unpacked once from the jar on the class path into the cache, where
 * DJL is told to look. Nothing is fetched from the network. A library path that the user has set,
 * in the environment or as a system property, wins.
 */
final class Natives {
  /** Where DJL looks for the libraries. */
  static final String LIBRARY_PATH = "TENSORFLOW_LIBRARY_PATH";

  private static final String PLATFORM = "linux-x86_64";
  private static final String RESOURCES = "/org/tensorflow/internal/c_api/" + PLATFORM + "/";
  private static final String VERSION_RESOURCE =
      "/META-INF/maven/org.tensorflow/tensorflow-core-native/pom.properties";
  private static final List<String> LIBRARIES =
      List.of("libtensorflow_framework.so.2", "libtensorflow_cc.so.2", "libjnitensorflow.so");
  private static final int BUFFER_BYTES = 1 << 20;

  private Natives() {}

  /**
   * Call before the first use of DJL or TensorFlow.
   *
   * @throws UnsupportedOperationException when there are no libraries for this platform
   * @throws UncheckedIOException when they cannot be unpacked
   */
  static synchronized void prepare(Path cacheFolder, ImportListener listener) {
    // DJL would otherwise report its use to its makers, and look for libraries on the network
    System.setProperty("OPT_OUT_TRACKING", "true");
    System.setProperty("ai.djl.offline", "true");
    if (System.getenv(LIBRARY_PATH) != null || System.getProperty(LIBRARY_PATH) != null) {
      return;
    }
    requireSupported(System.getProperty("os.name"), System.getProperty("os.arch"));
    System.setProperty(LIBRARY_PATH, unpack(cacheFolder, listener).toString());
  }

  static void requireSupported(String system, String architecture) {
    boolean linux = system.toLowerCase(Locale.ROOT).startsWith("linux");
    if (!linux || !Set.of("amd64", "x86_64").contains(architecture)) {
      throw new UnsupportedOperationException(
          "the TensorFlow engine has libraries for Linux on x86-64 only, not for "
              + system
              + " on "
              + architecture
              + "; set "
              + LIBRARY_PATH
              + " to a folder with libraries of your own");
    }
  }

  /** The folder with the libraries. */
  static Path unpack(Path cacheFolder, ImportListener listener) {
    try {
      Map<String, Long> sizes = sizes();
      Path folder = cacheFolder.resolve("natives").resolve(version() + "-" + PLATFORM);
      return CacheFolder.obtain(
          folder.toAbsolutePath(),
          candidate -> isWhole(candidate, sizes),
          target -> extract(target, sizes, listener));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read TensorFlow's libraries: " + e.getMessage(), e);
    }
  }

  private static Map<String, Long> sizes() throws IOException {
    Map<String, Long> sizes = new LinkedHashMap<>();
    for (String library : LIBRARIES) {
      sizes.put(library, resource(RESOURCES + library).openConnection().getContentLengthLong());
    }
    return sizes;
  }

  private static String version() throws IOException {
    Properties properties = new Properties();
    try (InputStream in = resource(VERSION_RESOURCE).openStream()) {
      properties.load(in);
    }
    return properties.getProperty("version");
  }

  private static URL resource(String name) throws IOException {
    URL url = Natives.class.getResource(name);
    if (url == null) {
      throw new IOException(name + " is not on the class path");
    }
    return url;
  }

  private static boolean isWhole(Path folder, Map<String, Long> sizes) throws IOException {
    for (Map.Entry<String, Long> library : sizes.entrySet()) {
      Path file = folder.resolve(library.getKey());
      if (!Files.isRegularFile(file) || Files.size(file) != library.getValue()) {
        return false;
      }
    }
    return true;
  }

  private static void extract(Path target, Map<String, Long> sizes, ImportListener listener)
      throws IOException {
    long total = sizes.values().stream().mapToLong(Long::longValue).sum();
    long done = 0;
    byte[] buffer = new byte[BUFFER_BYTES];
    for (String library : sizes.keySet()) {
      try (InputStream in = resource(RESOURCES + library).openStream();
          OutputStream out = Files.newOutputStream(target.resolve(library))) {
        for (int read; (read = in.read(buffer)) >= 0; ) {
          out.write(buffer, 0, read);
          done += read;
          listener.progress(ImportListener.Step.UNPACK_NATIVES, done, total);
        }
      }
    }
  }
}
