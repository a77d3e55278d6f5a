package io.parley.node.cli;

import com.typesafe.config.Config;
import io.parley.node.NodeConfig;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The options of a command that works with a node's configuration, but without a node. */
final class ConfigOptions {
  @Option(names = "--config", description = "HOCON file, as for parley up.")
  private Path file;

  @Option(
      names = "-D",
      paramLabel = "KEY=VALUE",
      mapFallbackValue = "true",
      description = "Any configuration key, such as -D parley.engine.cache-folder=/srv/models.")
  private Map<String, String> settings = new LinkedHashMap<>();

  Config load() {
    return NodeConfig.load(Optional.ofNullable(file), settings);
  }
}
