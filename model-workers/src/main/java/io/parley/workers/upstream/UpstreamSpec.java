package io.parley.workers.upstream;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A model that a server runs: {@code MODEL#upstream=http://127.0.0.1:8000}, with {@code &as=NAME}
 * where the server serves several, or under another name.
 *
 * @param model names the file that has the model's vocabulary and chat template: a name in the
 *     store, a GGUF file, or a source
 * @param server without {@code /v1}
 * @param servedAs the server's name for it
 */
public record UpstreamSpec(String model, URI server, Optional<String> servedAs) {
  private static final String SERVER = "upstream=";
  private static final String NAME = "as=";

  public UpstreamSpec {
    boolean known = "http".equals(server.getScheme()) || "https".equals(server.getScheme());
    if (!known
        || server.getHost() == null
        || server.getRawUserInfo() != null
        || server.getRawQuery() != null
        || server.getRawFragment() != null) {
      throw new IllegalArgumentException(
          "an upstream is http://host:port or https://host:port, not '" + server + "'");
    }
    if (model.isEmpty()) {
      throw new IllegalArgumentException(
          "before #upstream= stands the model's name or GGUF file, which has its vocabulary and"
              + " chat template");
    }
  }

  /** Whether a model's spec names one that a server runs. */
  public static boolean isMeantBy(String spec) {
    int mark = spec.lastIndexOf('#');
    return mark >= 0
        && List.of(spec.substring(mark + 1).split("&", -1)).stream()
            .anyMatch(option -> option.startsWith(SERVER));
  }

  /**
   * Reads a spec for which {@link #isMeantBy} holds.
   *
   * @throws IllegalArgumentException saying what is wrong
   */
  public static UpstreamSpec parse(String spec) {
    int mark = spec.lastIndexOf('#');
    List<String> others = new ArrayList<>();
    Optional<URI> server = Optional.empty();
    Optional<String> servedAs = Optional.empty();
    for (String option : spec.substring(mark + 1).split("&", -1)) {
      if (option.startsWith(SERVER) && server.isEmpty()) {
        server = Optional.of(address(option.substring(SERVER.length())));
      } else if (option.startsWith(NAME) && servedAs.isEmpty()) {
        servedAs = Optional.of(option.substring(NAME.length()));
      } else if (option.startsWith("sha256=")) {
        others.add(option);
      } else {
        throw new IllegalArgumentException(
            "behind a model's # there may be upstream=…, as=… and sha256=…, once each, not '"
                + option
                + "'");
      }
    }
    String options = others.isEmpty() ? "" : "#" + String.join("&", others);
    return new UpstreamSpec(spec.substring(0, mark) + options, server.orElseThrow(), servedAs);
  }

  private static URI address(String text) {
    String base = text.replaceFirst("/+$", "").replaceFirst("/v1$", "");
    try {
      return URI.create(base);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "an upstream is http://host:port or https://host:port, not '" + text + "'", e);
    }
  }

  /** The address of one of the server's resources. */
  URI at(String path) {
    return URI.create(server + path);
  }
}
