package io.parley.workers.engine.tensorflow;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

/**
 * Makes folders of the cache so that no reader ever sees half of one: filled under another name,
 * flushed, then renamed; one process at a time. A crash leaves a temporary folder, which the next
 * maker deletes.
 */
final class CacheFolder {
  /** File locks are between processes; this one is between the threads of this process. */
  private static final ReentrantLock IN_PROCESS = new ReentrantLock();

  private CacheFolder() {}

  /** Fills a folder that is empty. */
  @FunctionalInterface
  interface Maker {
    void fill(Path folder) throws IOException;
  }

  /** Tells whether a folder is whole. */
  @FunctionalInterface
  interface Check {
    boolean isWhole(Path folder) throws IOException;
  }

  /**
   * Gives the folder, making it if it is not there or not whole.
   *
   * @throws UncheckedIOException when it cannot be made, with a one-line reason; nothing
   *     half-written is left
   */
  static Path obtain(Path folder, Check check, Maker maker) {
    try {
      Files.createDirectories(folder.getParent());
      if (check.isWhole(folder)) {
        return folder;
      }
      IN_PROCESS.lock();
      try {
        return obtainLocked(folder, check, maker);
      } finally {
        IN_PROCESS.unlock();
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot make " + folder + ": " + reason(e), e);
    }
  }

  private static Path obtainLocked(Path folder, Check check, Maker maker) throws IOException {
    Path lockFile = folder.resolveSibling(folder.getFileName() + ".lock");
    try (FileChannel channel =
            FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = channel.lock()) {
      if (!lock.isValid() || check.isWhole(folder)) {
        return folder;
      }
      deleteAll(folder);
      // only the holder of the lock uses this name, so it is left over from a crash
      Path temporary = folder.resolveSibling(folder.getFileName() + ".tmp");
      deleteAll(temporary);
      try {
        Files.createDirectory(temporary);
        maker.fill(temporary);
        flush(temporary);
        move(temporary, folder);
      } finally {
        deleteAll(temporary);
      }
      return folder;
    }
  }

  private static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      throw new IOException("its file system cannot rename a folder", e);
    }
  }

  /** Makes the files survive a power failure right after the rename. */
  private static void flush(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
      }
    }
  }

  static void deleteAll(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : (Iterable<Path>) paths.sorted(Comparator.reverseOrder())::iterator) {
        Files.deleteIfExists(path);
      }
    }
  }

  private static String reason(IOException e) {
    String reason =
        e instanceof FileSystemException file
            ? Optional.ofNullable(file.getReason()).orElse(e.getClass().getSimpleName())
            : e.getMessage();
    return String.valueOf(reason);
  }
}
