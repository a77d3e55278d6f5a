package io.parley.cassandra;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * The claim of one process on a data folder.
 *
 * <p>The claim is a lock of the operating system on {@code cassandra.lock}, gone with the process
 * however that ends. The file's text ({@code child-pid parent-pid}) is only for people and for
 * messages: nothing is decided by a pid alone, except how long to wait for an owner whose parent is
 * gone, which is stopping by itself.
 */
final class DataFolderLock {
  static final String FILE = "cassandra.lock";
  private static final long POLL_MILLIS = 100;

  private final FileChannel channel;
  private final FileLock lock;

  private DataFolderLock(FileChannel channel, FileLock lock) {
    this.channel = channel;
    this.lock = lock;
  }

  /**
   * Takes the folder for the rest of this process's life.
   *
   * @param waitMillis how long to wait for an owner whose parent process is gone; an owner that
   *     still has its parent is not waited for
   * @throws FolderInUseException if another process has it
   */
  static DataFolderLock take(Path folder, long waitMillis)
      throws IOException, InterruptedException, FolderInUseException {
    Path file = folder.resolve(FILE);
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    long deadline = System.nanoTime() + waitMillis * 1_000_000;
    while (true) {
      FileLock lock = channel.tryLock();
      if (lock != null) {
        DataFolderLock taken = new DataFolderLock(channel, lock);
        taken.writeOwner();
        return taken;
      }
      Owner owner = readOwner(channel);
      if (owner.hasParent() || System.nanoTime() - deadline > 0) {
        channel.close();
        throw new FolderInUseException(
            "the folder " + folder + " is in use by another Cassandra" + owner.inWords());
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  boolean isHeld() {
    return lock.isValid();
  }

  private void writeOwner() throws IOException {
    String text = ProcessHandle.current().pid() + " " + parentPid() + "\n";
    channel.truncate(0);
    channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)), 0);
  }

  private static long parentPid() {
    return ProcessHandle.current().parent().map(ProcessHandle::pid).orElse(0L);
  }

  private static Owner readOwner(FileChannel channel) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(64);
    channel.read(bytes, 0);
    String[] words =
        new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII)
            .strip()
            .split(" ", -1);
    try {
      return new Owner(Long.parseLong(words[0]), Long.parseLong(words[1]));
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      // taken a moment ago and not yet written down
      return new Owner(0, 0);
    }
  }

  private record Owner(long pid, long parentPid) {
    /** Whether the process that started the owner is still the owner's parent. */
    boolean hasParent() {
      if (pid == 0) {
        return true;
      }
      Optional<Long> parent =
          ProcessHandle.of(pid).flatMap(ProcessHandle::parent).map(ProcessHandle::pid);
      return parent.isPresent() && parent.get() == parentPid;
    }

    String inWords() {
      return pid == 0 ? "" : " (process " + pid + ")";
    }
  }

  /** Another process owns the data folder. */
  static final class FolderInUseException extends Exception {
    FolderInUseException(String message) {
      super(message);
    }
  }
}
