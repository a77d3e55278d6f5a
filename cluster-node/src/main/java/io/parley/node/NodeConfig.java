package io.parley.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigUtil;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Puts a node's configuration together: command line over file over {@code reference.conf}. */
public final class NodeConfig {
  private NodeConfig() {}

  /**
   * Loads and resolves.
   *
   * @param file a HOCON file of the operator's, if any
   * @param overrides path to value, from the command line
   * @throws StartupException when the file cannot be read, or sets a key of Parley's that there is
   *     not (a typing error that would otherwise be silent)
   */
  public static Config load(Optional<Path> file, Map<String, String> overrides) {
    Config defaults =
        ConfigFactory.defaultOverrides()
            .withFallback(ConfigFactory.parseResources("parley-node.conf"))
            .withFallback(ConfigFactory.defaultReferenceUnresolved());
    Config own = ConfigFactory.empty();
    for (Map.Entry<String, String> one : overrides.entrySet()) {
      own = parse(one).withFallback(own);
    }
    own = own.withFallback(file.map(NodeConfig::read).orElseGet(ConfigFactory::empty));
    refuseUnknown(own, defaults.resolve());
    try {
      return own.withFallback(defaults).resolve();
    } catch (ConfigException e) {
      throw new StartupException("bad configuration: " + e.getMessage(), e);
    }
  }

  private static Config parse(Map.Entry<String, String> override) {
    String text = override.getKey() + " = " + override.getValue();
    try {
      return ConfigFactory.parseString(text);
    } catch (ConfigException e) {
      throw new StartupException("bad configuration: '" + text + "' is not key = value", e);
    }
  }

  private static Config read(Path file) {
    if (!Files.isReadable(file)) {
      throw new StartupException("the configuration file " + file + " cannot be read");
    }
    try {
      return ConfigFactory.parseFile(
          file.toFile(), ConfigParseOptions.defaults().setAllowMissing(false));
    } catch (ConfigException e) {
      throw new StartupException("bad configuration file: " + e.getMessage(), e);
    }
  }

  private static void refuseUnknown(Config own, Config defaults) {
    own.root().keySet().stream()
        .filter("parley"::equals)
        .findFirst()
        .ifPresent(
            ignored ->
                own.getConfig("parley")
                    .entrySet()
                    .forEach(
                        entry -> {
                          String key = "parley." + entry.getKey();
                          if (!defaults.hasPathOrNull(key) && !isNamedByTheUser(key, defaults)) {
                            throw new StartupException("bad configuration: there is no key " + key);
                          }
                        }));
  }

  /** Whether the key is in a section that is empty by default: what is in it, the user names. */
  private static boolean isNamedByTheUser(String key, Config defaults) {
    List<String> path = ConfigUtil.splitPath(key);
    for (int length = path.size() - 1; length > 1; length--) {
      String section = ConfigUtil.joinPath(path.subList(0, length));
      if (defaults.hasPath(section)) {
        return defaults.getValue(section) instanceof ConfigObject object && object.isEmpty();
      }
    }
    return false;
  }
}
