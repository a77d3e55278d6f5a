package io.parley.node.models;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.util.Optional;
import java.util.Set;

/**
 * Which model to serve, and how; the rest is as {@code parley.engine} and {@code parley.batcher}
 * say.
 *
 * @param spec a name in the store, {@code name@version}, a file, or a source
 * @param kvMemoryBytes instead of {@code parley.engine.kv-memory}
 * @param slots instead of {@code parley.batcher.slots}
 */
public record ModelOrder(String spec, Optional<Long> kvMemoryBytes, Optional<Integer> slots) {
  private static final Set<String> KEYS = Set.of("model", "kv-memory", "slots");
  private static final int SPEC_CHARS_MAX = 4096;
  private static final int SLOTS_MAX = 4096;

  /**
   * @throws IllegalArgumentException naming what is wrong and what is allowed
   */
  public ModelOrder {
    if (spec.isBlank() || spec.length() > SPEC_CHARS_MAX) {
      throw new IllegalArgumentException(
          "a model is a name, a file or a source of 1 to " + SPEC_CHARS_MAX + " characters");
    }
    if (kvMemoryBytes.isPresent() && kvMemoryBytes.get() < 1) {
      throw new IllegalArgumentException("kv-memory is a positive size such as 768MiB");
    }
    if (slots.isPresent() && (slots.get() < 1 || slots.get() > SLOTS_MAX)) {
      throw new IllegalArgumentException("slots is 1 to " + SLOTS_MAX + ", not " + slots.get());
    }
  }

  /** Without settings of its own. */
  public static ModelOrder of(String spec) {
    return new ModelOrder(spec, Optional.empty(), Optional.empty());
  }

  /**
   * Reads an entry of {@code parley.node.models}: a text, or an object with {@code model} and
   * settings.
   *
   * @throws IllegalArgumentException naming what is wrong and what is allowed
   */
  public static ModelOrder from(ConfigValue entry) {
    if (entry.valueType() == ConfigValueType.STRING) {
      return of((String) entry.unwrapped());
    }
    if (!(entry instanceof ConfigObject object) || !KEYS.containsAll(object.keySet())) {
      throw new IllegalArgumentException(
          "an entry is a text, or { model = …, kv-memory = …, slots = … }, not "
              + entry.render(com.typesafe.config.ConfigRenderOptions.concise()));
    }
    Config config = object.toConfig();
    try {
      return new ModelOrder(
          config.getString("model"),
          config.hasPath("kv-memory")
              ? Optional.of(config.getBytes("kv-memory"))
              : Optional.empty(),
          config.hasPath("slots") ? Optional.of(config.getInt("slots")) : Optional.empty());
    } catch (ConfigException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }
}
