package io.parley.node.cli;

import com.typesafe.config.Config;
import io.parley.node.NodeConfig;
import io.parley.node.NodeSettings;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The options of a command that works with a node's configuration. */
final class ConfigOptions {
  @Option(names = "--config", description = "HOCON file; options of the command line win over it.")
  private Path file;

  @Option(
      names = "-D",
      paramLabel = "KEY=VALUE",
      mapFallbackValue = "true",
      description = "Any configuration key, such as -D parley.engine.cache-folder=/srv/models.")
  private Map<String, String> settings = new LinkedHashMap<>();

  /** The folder of a node with this configuration. */
  Path dataFolder() {
    return NodeSettings.from(load()).data();
  }

  Config load() {
    return load(Map.of());
  }

  /** With what the command's own options say, which wins over {@code -D}. */
  Config load(Map<String, String> own) {
    Map<String, String> all = new LinkedHashMap<>(settings);
    all.putAll(own);
    return NodeConfig.load(Optional.ofNullable(file), all);
  }
}
