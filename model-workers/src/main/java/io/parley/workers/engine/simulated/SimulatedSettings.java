package io.parley.workers.engine.simulated;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigUtil;
import io.parley.routing.SettingsSection;
import io.parley.routing.protocol.ModelId;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * {@code parley.simulated}; the keys are explained in {@code reference.conf}. Behind a model's name
 * there may be others in their place: {@code simulated#decode=50&slots=8}.
 *
 * @param allowed whether a node may serve simulated models at all
 * @param name of the model
 * @param slots answers that run at once; 0: {@code parley.batcher.slots}
 * @param contextLength the most tokens of prompt and answer together
 * @param kvTokens positions of running and cached sequences, in all
 * @param decode tokens a second of one sequence alone; 0: no time at all
 * @param decodeAll tokens a second when all slots decode; 0: as many times {@code decode}
 * @param prefill prompt tokens a second, of all prompts together; 0: no time at all
 * @param answerTokens of an answer that ends by itself, on average; 0: none does
 * @param failures share of the tokens at which an answer's attempt fails
 * @param crashes share of the steps at which the engine breaks
 * @param stalls share of the steps that take {@code stallTime} longer
 * @param faultSeed decides which
 */
public record SimulatedSettings(
    boolean allowed,
    String name,
    int slots,
    int contextLength,
    int kvTokens,
    double decode,
    double decodeAll,
    double prefill,
    int answerTokens,
    double failures,
    double crashes,
    double stalls,
    Duration stallTime,
    long faultSeed) {
  /** What a model's spec is, or begins with before a {@code #}. */
  public static final String SPEC = "simulated";

  /** Positions in a KV block. */
  static final int BLOCK_SIZE = 64;

  private static final SettingsSection SECTION = new SettingsSection("parley.simulated");
  private static final Set<String> KEYS =
      Set.of(
          "name",
          "slots",
          "context-length",
          "kv-tokens",
          "decode",
          "decode-all",
          "prefill",
          "answer-tokens",
          "failures",
          "crashes",
          "stalls",
          "stall-time",
          "fault-seed");
  private static final double RATE_MAX = 1e9;

  public SimulatedSettings {
    if (!name.matches("[a-z0-9][a-z0-9._-]{0,63}")) {
      throw new IllegalArgumentException(
          "parley.simulated.name must be up to 64 of a-z 0-9 . _ - and begin with a letter or"
              + " digit, not '"
              + name
              + "'");
    }
    SECTION.requireBetween("slots", slots, 0, 4096);
    SECTION.requireBetween("context-length", contextLength, 64, 1 << 20);
    SECTION.requireBetween("kv-tokens", kvTokens, BLOCK_SIZE, 1 << 26);
    SECTION.requireNumberBetween("decode", decode, 0, RATE_MAX);
    SECTION.requireNumberBetween("decode-all", decodeAll, 0, RATE_MAX);
    SECTION.requireNumberBetween("prefill", prefill, 0, RATE_MAX);
    SECTION.requireBetween("answer-tokens", answerTokens, 0, 1 << 20);
    SECTION.requireNumberBetween("failures", failures, 0, 1);
    SECTION.requireNumberBetween("crashes", crashes, 0, 1);
    SECTION.requireNumberBetween("stalls", stalls, 0, 1);
    SECTION.requireNotNegative("stall-time", stallTime);
    SECTION.requireAtMost("stall-time", stallTime, "10 minutes", Duration.ofMinutes(10));
  }

  /** Whether a model's spec names a simulated one. */
  public static boolean isMeantBy(String spec) {
    return spec.equals(SPEC) || spec.startsWith(SPEC + "#");
  }

  /**
   * Reads {@code parley.simulated}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static SimulatedSettings from(Config root) {
    return new SimulatedSettings(
        SECTION.onOrOff(root, "allowed"),
        SECTION.text(root, "name"),
        SECTION.integer(root, "slots"),
        SECTION.integer(root, "context-length"),
        SECTION.integer(root, "kv-tokens"),
        SECTION.number(root, "decode"),
        SECTION.number(root, "decode-all"),
        SECTION.number(root, "prefill"),
        SECTION.integer(root, "answer-tokens"),
        SECTION.number(root, "failures"),
        SECTION.number(root, "crashes"),
        SECTION.number(root, "stalls"),
        SECTION.duration(root, "stall-time"),
        SECTION.integer(root, "fault-seed"));
  }

  /**
   * The same with what stands behind the model's name.
   *
   * @param spec for which {@link #isMeantBy} holds
   * @throws IllegalArgumentException also when simulated models are not allowed here
   */
  public static SimulatedSettings of(Config root, String spec) {
    Map<String, String> own = new HashMap<>();
    if (!spec.equals(SPEC)) {
      for (String option : spec.substring(SPEC.length() + 1).split("&", -1)) {
        List<String> parts = List.of(option.split("=", 2));
        if (parts.size() != 2
            || !KEYS.contains(parts.get(0))
            || own.put(ConfigUtil.joinPath("parley", SPEC, parts.get(0)), parts.get(1)) != null) {
          throw new IllegalArgumentException(
              "behind simulated# there may be, each once and with & between two of them, "
                  + String.join("=…, ", new TreeSet<>(KEYS))
                  + "=…, not '"
                  + option
                  + "'");
        }
      }
    }
    SimulatedSettings settings = from(ConfigFactory.parseMap(own).withFallback(root));
    if (!settings.allowed()) {
      throw new IllegalArgumentException(
          "the model '"
              + spec
              + "' only simulates one, and this node does not serve such models:"
              + " parley.simulated.allowed is off");
    }
    return settings;
  }

  /** The version says all that its tokens depend on, and the time they take is no part of it. */
  public ModelId id() {
    return new ModelId(name, SimulatedEngine.VERSION + "-c" + contextLength + "-a" + answerTokens);
  }

  /** How long a step takes. */
  long stepNanos(int decodeRows, int prefillTokens, int slotCount) {
    double seconds = prefill > 0 ? prefillTokens / prefill : 0;
    if (decodeRows > 0 && decode > 0) {
      double alone = 1 / decode;
      double full = decodeAll > 0 ? Math.max(alone, slotCount / decodeAll) : alone;
      double each = slotCount > 1 ? (full - alone) / (slotCount - 1) : 0;
      seconds += alone + each * (decodeRows - 1);
    }
    return (long) (seconds * 1e9);
  }
}
