package io.parley.kafka;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What the parent tells the child on its command line.
 *
 * @param data folder of everything this broker keeps; created if missing
 * @param port loopback port for clients
 * @param controllerPort loopback port of the broker's own controller
 * @param log file of what it logs, with numbers behind its name
 * @param lockWaitMillis how long to wait for a previous owner of the folder
 */
record ChildOptions(Path data, int port, int controllerPort, Path log, long lockWaitMillis) {

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
            Integer.parseInt(take(values, "port")),
            Integer.parseInt(take(values, "controller-port")),
            Path.of(take(values, "log")),
            Long.parseLong(take(values, "lock-wait-millis")));
    if (!values.isEmpty()) {
      throw new IllegalArgumentException("unknown arguments " + values.keySet());
    }
    return options;
  }

  private static String take(Map<String, String> values, String name) {
    String value = values.remove(name);
    if (value == null) {
      throw new IllegalArgumentException("--" + name + " is missing");
    }
    return value;
  }
}
