package io.parley.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigValue;
import io.parley.node.models.ModelOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * What a node is, from {@code parley.node}.
 *
 * @param clusterName nodes with another name cannot join
 * @param roles what runs here, any of {@link #ROLES}
 * @param data folder of the embedded journal and the node's lock
 * @param models what the worker role serves from its start
 */
public record NodeSettings(
    String clusterName, Set<String> roles, Path data, List<ModelOrder> models) {
  /** All the roles there are. */
  public static final Set<String> ROLES = Set.of("api", "session", "worker", "bulk");

  public NodeSettings {
    if (!clusterName.matches("[A-Za-z][A-Za-z0-9-]{0,62}")) {
      throw invalid("parley.node.cluster-name", "letters, digits and -, at most 63");
    }
    if (roles.isEmpty() || !ROLES.containsAll(roles)) {
      throw invalid("parley.node.roles", "one or more of " + new TreeSet<>(ROLES));
    }
    if (roles.contains("worker") && models.isEmpty()) {
      throw invalid("parley.node.models", "at least one model on a node with the role worker");
    }
    roles = Set.copyOf(roles);
    models = List.copyOf(models);
  }

  /**
   * Reads {@code parley.node}.
   *
   * @throws ConfigException when a value is not allowed; the message names the key
   */
  public static NodeSettings from(Config config) {
    Config node = config.getConfig("parley.node");
    String data = node.getString("data");
    return new NodeSettings(
        node.getString("cluster-name"),
        Set.copyOf(node.getStringList("roles")),
        data.isEmpty() ? defaultData() : Path.of(data).toAbsolutePath().normalize(),
        models(node));
  }

  private static List<ModelOrder> models(Config node) {
    List<ModelOrder> orders = new ArrayList<>();
    for (ConfigValue entry : node.getList("models")) {
      try {
        orders.add(ModelOrder.from(entry));
      } catch (IllegalArgumentException e) {
        throw invalid("parley.node.models", e.getMessage());
      }
    }
    return orders;
  }

  private static Path defaultData() {
    String xdg = System.getenv("XDG_DATA_HOME");
    Path base =
        xdg == null || xdg.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".local", "share")
            : Path.of(xdg);
    return base.resolve("parley");
  }

  private static ConfigException invalid(String key, String allowed) {
    return new ConfigException.BadValue(key, "allowed: " + allowed);
  }
}
