package io.parley.node.cli;

import java.net.URI;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The options of a command that calls a server. */
final class ServerOptions {
  @Option(
      names = "--url",
      defaultValue = "http://127.0.0.1:8080/v1",
      description = "The server's base URL, with /v1 (default: ${DEFAULT-VALUE}).")
  private URI url;

  @Option(names = "--api-key", description = "Bearer token, where the server wants one.")
  private String apiKey;

  URI url() {
    return url;
  }

  Optional<String> apiKey() {
    return Optional.ofNullable(apiKey);
  }
}
