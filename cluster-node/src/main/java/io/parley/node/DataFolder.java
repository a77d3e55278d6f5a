package io.parley.node;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * A node's data folder, held by this process until it ends. Hard state: the journal, and an id that
 * stays with the folder, by which a node that comes back is known to be the same. The claim is a
 * lock of the operating system, gone with the process however that ends.
 */
public final class DataFolder implements AutoCloseable {
  private static final String LOCK_FILE = "node.lock";
  private static final String ID_FILE = "node.id";
  private static final int OWNER_BYTES_MAX = 32;

  private final Path path;
  private final FileChannel channel;
  private final FileLock lock;
  private final UUID id;

  private DataFolder(Path path, FileChannel channel, FileLock lock, UUID id) {
    this.path = path;
    this.channel = channel;
    this.lock = lock;
    this.id = id;
  }

  /**
   * Makes the folder if there is none, and takes it.
   *
   * @throws StartupException when another node has it, or it cannot be written
   */
  public static DataFolder claim(Path path) {
    try {
      Files.createDirectories(path);
      FileChannel channel =
          FileChannel.open(
              path.resolve(LOCK_FILE),
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock == null) {
        String owner = owner(channel);
        channel.close();
        throw new StartupException(
            "the data folder "
                + path
                + " is in use by another node"
                + owner
                + ": stop it, or choose another folder with --data");
      }
      channel.truncate(0);
      channel.write(
          ByteBuffer.wrap(
              Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII)),
          0);
      return new DataFolder(path, channel, lock, id(path.resolve(ID_FILE)));
    } catch (IOException e) {
      throw new StartupException(
          "the data folder cannot be written: " + e.getMessage() + "; choose another with --data",
          e);
    }
  }

  private static String owner(FileChannel channel) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(OWNER_BYTES_MAX);
    channel.read(bytes, 0);
    String pid = new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII).strip();
    return pid.isEmpty() ? "" : " (process " + pid + ")";
  }

  private static UUID id(Path file) throws IOException {
    if (Files.exists(file)) {
      try {
        return UUID.fromString(Files.readString(file).strip());
      } catch (IllegalArgumentException e) {
        throw new IOException(file + " does not hold an id; delete it", e);
      }
    }
    UUID id = UUID.randomUUID();
    Path fresh = file.resolveSibling(ID_FILE + ".new");
    Files.writeString(fresh, id + "\n");
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    return id;
  }

  /** Where it is. */
  public Path path() {
    return path;
  }

  /** The same for the life of the folder. */
  UUID id() {
    return id;
  }

  /** Lets another node have it. */
  @Override
  public void close() {
    try {
      lock.release();
      channel.close();
    } catch (IOException e) {
      // the end of the process releases it
    }
  }
}
