package io.parley.node.cli;

import io.parley.node.ManagementAddress;
import io.parley.node.StartupException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of a command that manages a running node. */
final class ManagementOptions {
  @Option(
      names = "--data",
      description = "Folder of the node (default: parley in the user's data folder).")
  private Path data;

  @Option(
      names = "--url",
      description = "The node's management listener (default: as the folder says).")
  private URI url;

  @Option(names = "--api-key", description = "Bearer token, where the listener wants one.")
  private String apiKey;

  @Mixin private ConfigOptions configuration;

  /**
   * @throws StartupException when it is not known where the node listens
   */
  ManagementClient client() {
    return new ManagementClient(url == null ? published() : url, Optional.ofNullable(apiKey));
  }

  private URI published() {
    Path folder = data == null ? configuration.dataFolder() : data.toAbsolutePath();
    return ManagementAddress.read(folder)
        .orElseThrow(
            () ->
                new StartupException(
                    "no node runs over "
                        + folder
                        + ": start one with parley up, or name it with --data or --url"));
  }
}
