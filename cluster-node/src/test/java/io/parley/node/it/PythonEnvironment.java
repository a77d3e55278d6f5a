package io.parley.node.it;

import io.parley.node.chaos.NodeProcess;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * The packages that the scenarios need, in a virtual environment in the cache folder. It is made
 * once for each version of the requirements, and depends on nothing but {@code python3}.
 */
final class PythonEnvironment {
  private static final Duration INSTALL_LIMIT = Duration.ofMinutes(5);

  private final Path folder;

  private PythonEnvironment(Path folder) {
    this.folder = folder;
  }

  /** The environment, made first if there is none. Other processes may do the same. */
  static PythonEnvironment obtain() throws IOException {
    Path requirements = scripts().resolve("requirements.txt");
    Path base = Files.createDirectories(cache().resolve("test-python"));
    Path folder = base.resolve(digest(requirements));
    Path complete = folder.resolve("complete");
    Path lockFile = base.resolve(folder.getFileName() + ".lock");
    try (FileChannel channel =
        FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.lock(); // until the channel is closed
      if (!Files.exists(complete)) {
        // scripts of an environment hold its path, so it is made in its place and marked at the end
        run("python3", "-m", "venv", "--clear", folder.toString());
        run(
            folder.resolve("bin/python").toString(),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            requirements.toString());
        Files.createFile(complete);
      }
    }
    return new PythonEnvironment(folder);
  }

  private static void run(String... command) {
    Commands.run(INSTALL_LIMIT, Map.of(), List.of(command)).success();
  }

  /** A program of the environment, such as {@code python}. */
  String program(String name) {
    return folder.resolve("bin").resolve(name).toString();
  }

  /** Where the scenarios are. */
  static Path scripts() {
    return NodeProcess.root().resolve("cluster-node/src/test/python");
  }

  private static Path cache() {
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path base =
        xdg == null || xdg.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(xdg);
    return base.resolve("parley");
  }

  private static String digest(Path requirements) throws IOException {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest(Files.readString(requirements).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash).substring(0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
