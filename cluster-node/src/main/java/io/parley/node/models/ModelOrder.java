package io.parley.node.models;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import io.parley.workers.engine.Device;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which model to serve, and how; the rest is as {@code parley.engine} and {@code parley.batcher}
 * say.
 *
 * @param spec a name in the store, {@code name@version}, a file, or a source
 * @param kvMemoryBytes instead of {@code parley.engine.kv-memory}
 * @param slots instead of {@code parley.batcher.slots}
 * @param device instead of {@code parley.engine.device}
 */
public record ModelOrder(
    String spec, Optional<Long> kvMemoryBytes, Optional<Integer> slots, Optional<Device> device) {
  private static final Set<String> KEYS = Set.of("model", "kv-memory", "slots", "device");
  private static final String DEVICE = "device=";
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

  /**
   * With settings as they are given; a device stands behind the spec, if there is one.
   *
   * @throws IllegalArgumentException naming what is wrong and what is allowed
   */
  public static ModelOrder of(String spec, Optional<Long> kvMemoryBytes, Optional<Integer> slots) {
    int mark = spec.lastIndexOf('#');
    List<String> options = new ArrayList<>(List.of(spec.substring(mark + 1).split("&", -1)));
    List<String> devices = options.stream().filter(each -> each.startsWith(DEVICE)).toList();
    if (mark < 0 || devices.isEmpty()) {
      return new ModelOrder(spec, kvMemoryBytes, slots, Optional.empty());
    }
    if (devices.size() > 1) {
      throw new IllegalArgumentException("a model has one device, not " + devices);
    }
    options.removeAll(devices);
    return new ModelOrder(
        spec.substring(0, mark) + (options.isEmpty() ? "" : "#" + String.join("&", options)),
        kvMemoryBytes,
        slots,
        Optional.of(Device.parse(devices.get(0).substring(DEVICE.length()))));
  }

  /** Without settings beside the spec. */
  public static ModelOrder of(String spec) {
    return of(spec, Optional.empty(), Optional.empty());
  }

  private ModelOrder on(Device other) {
    if (device.isPresent()) {
      throw new IllegalArgumentException("a model has one device, and this one has two");
    }
    return new ModelOrder(spec, kvMemoryBytes, slots, Optional.of(other));
  }

  /** Refuses a device where there is none to choose. */
  public void requireNoDevice() {
    if (device.isPresent()) {
      throw new IllegalArgumentException("a model that is not computed here has no device");
    }
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
          "an entry is a text, or { model = …, kv-memory = …, slots = …, device = … }, not "
              + entry.render(com.typesafe.config.ConfigRenderOptions.concise()));
    }
    Config config = object.toConfig();
    try {
      ModelOrder order =
          of(
              config.getString("model"),
              config.hasPath("kv-memory")
                  ? Optional.of(config.getBytes("kv-memory"))
                  : Optional.empty(),
              config.hasPath("slots") ? Optional.of(config.getInt("slots")) : Optional.empty());
      return config.hasPath("device") ? order.on(Device.parse(config.getString("device"))) : order;
    } catch (ConfigException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }
}
