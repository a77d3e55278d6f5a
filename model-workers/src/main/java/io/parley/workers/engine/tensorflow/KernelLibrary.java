package io.parley.workers.engine.tensorflow;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.tensorflow.TensorFlow;

/**
 * The library with Parley's operations: unpacked from the class path into the cache, named by its
 * checksum, and loaded into TensorFlow once in a process. A build without a C++ compiler has none.
 */
final class KernelLibrary {
  private static final String FILE = "libparley_kernels.so";
  private static final String RESOURCES = "/META-INF/native/linux-";
  private static boolean loaded;

  private KernelLibrary() {}

  /**
   * Makes the operations known. DJL must have loaded TensorFlow, and no graph that uses them may
   * exist yet.
   *
   * @return what is in the way, if something is
   * @throws UncheckedIOException when the cache cannot be written
   */
  static synchronized Optional<String> load(Path cacheFolder) {
    if (loaded) {
      return Optional.empty();
    }
    try (InputStream in = KernelLibrary.class.getResourceAsStream(resource())) {
      if (in == null) {
        return Optional.of("this build has no kernels: no C++ compiler was found when it was made");
      }
      TensorFlow.loadLibrary(unpack(in.readAllBytes(), cacheFolder).toString());
      loaded = true;
      return Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the kernels: " + e.getMessage(), e);
    } catch (UnsatisfiedLinkError | RuntimeException e) {
      if (e instanceof UncheckedIOException) {
        throw e;
      }
      return Optional.of("the kernels cannot be loaded: " + e.getMessage());
    }
  }

  /** Whether this build has it for this machine; says nothing of whether it can be loaded. */
  static boolean isThere() {
    return KernelLibrary.class.getResource(resource()) != null;
  }

  private static String resource() {
    String architecture = System.getProperty("os.arch");
    return RESOURCES + (architecture.equals("amd64") ? "x86_64" : architecture) + "/" + FILE;
  }

  private static Path unpack(byte[] library, Path cacheFolder) {
    String name = "kernels-" + HexFormat.of().formatHex(sha256(library)).substring(0, 16);
    return CacheFolder.obtain(
            cacheFolder.resolve("natives").resolve(name).toAbsolutePath(),
            folder -> isWhole(folder.resolve(FILE), library),
            folder -> Files.write(folder.resolve(FILE), library))
        .resolve(FILE);
  }

  private static boolean isWhole(Path file, byte[] library) throws IOException {
    return Files.isRegularFile(file) && Arrays.equals(Files.readAllBytes(file), library);
  }

  private static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
