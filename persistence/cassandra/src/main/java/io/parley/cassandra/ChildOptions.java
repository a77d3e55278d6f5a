package io.parley.cassandra;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the parent tells the child on its command line.
 *
 * @param data folder of everything this node keeps; created if missing
 * @param cqlPort loopback port for CQL clients
 * @param storagePort loopback port for Cassandra's own protocol; nobody connects, but it is bound
 * @param durability what an acknowledged write survives
 * @param lockWaitMillis how long to wait for a previous owner of the folder that is on its way out
 * @param classArchive where to write the archive of classes when the parent stops in order
 */
record ChildOptions(
    Path data,
    int cqlPort,
    int storagePort,
    Durability durability,
    long lockWaitMillis,
    Optional<Path> classArchive) {

  /** The names are those of the key {@code parley.journal.embedded.durability}. */
  enum Durability {
    /** An acknowledged write is on the disk: it survives a power cut. */
    DISK,
    /** An acknowledged write is with the operating system: it survives the death of any process. */
    PROCESS,
    /** Cassandra's own default: the death of the process loses up to the last 100 milliseconds. */
    PERIODIC
  }

  /**
   * Reads {@code --name value} pairs.
   *
   * @throws IllegalArgumentException naming the argument that is missing, unknown or malformed
   */
  static ChildOptions parse(List<String> args) {
    Map<String, String> values = new HashMap<>();
    for (int i = 0; i < args.size(); i += 2) {
      if (!args.get(i).startsWith("--") || i + 1 == args.size()) {
        throw new IllegalArgumentException("expected --name value, got " + args.get(i));
      }
      values.put(args.get(i).substring(2), args.get(i + 1));
    }
    ChildOptions options =
        new ChildOptions(
            Path.of(take(values, "data")).toAbsolutePath().normalize(),
            port(values, "cql-port"),
            port(values, "storage-port"),
            durability(take(values, "durability")),
            Long.parseLong(take(values, "lock-wait-millis")),
            Optional.ofNullable(values.remove("class-archive")).map(Path::of));
    if (!values.isEmpty()) {
      throw new IllegalArgumentException("unknown arguments " + values.keySet());
    }
    return options;
  }

  private static Durability durability(String value) {
    return switch (value) {
      case "disk" -> Durability.DISK;
      case "process" -> Durability.PROCESS;
      case "periodic" -> Durability.PERIODIC;
      default ->
          throw new IllegalArgumentException(
              "--durability is disk, process or periodic, not " + value);
    };
  }

  private static int port(Map<String, String> values, String name) {
    int port = Integer.parseInt(take(values, name));
    if (port < 1 || port > 65535) {
      throw new IllegalArgumentException("--" + name + " is 1 to 65535, not " + port);
    }
    return port;
  }

  private static String take(Map<String, String> values, String name) {
    String value = values.remove(name);
    if (value == null) {
      throw new IllegalArgumentException("--" + name + " is missing");
    }
    return value;
  }
}
