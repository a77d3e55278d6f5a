package io.parley.workers.engine;

import com.typesafe.config.Config;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * The engine's part of the configuration, {@code parley.engine}; reference.conf documents the keys.
 *
 * @param cacheFolder natives and imported models
 * @param kernels Parley's own operations, or none
 * @param arithmetic of the graph without kernels; empty: by what the CPU can do
 * @param threads cores that one step uses; 0: all of the device
 * @param kvMemoryBytes for keys and values, when {@code kvBlocks} is 0
 * @param kvBlocks number of KV blocks; 0: as many as fit {@code kvMemoryBytes}
 * @param maxBatchTokens the most input tokens of one step
 * @param device where the model is computed
 */
public record EngineSettings(
    Path cacheFolder,
    Kernels kernels,
    Optional<Arithmetic> arithmetic,
    int threads,
    long kvMemoryBytes,
    int kvBlocks,
    int maxBatchTokens,
    Device device) {
  /** Positions in a KV block; part of the graph. */
  public static final int BLOCK_SIZE = 64;

  private static final String PATH = "parley.engine.";
  private static final int THREADS_MAX = 1024;
  private static final int BLOCKS_MAX = 1 << 20;
  private static final int BATCH_TOKENS_MAX = 65_536;

  public EngineSettings {
    if (threads < 0 || threads > THREADS_MAX) {
      throw bad("threads", threads, "0 (all cores) to " + THREADS_MAX);
    }
    if (kvBlocks < 0 || kvBlocks > BLOCKS_MAX) {
      throw bad("kv-blocks", kvBlocks, "0 (by kv-memory) to " + BLOCKS_MAX);
    }
    if (kvMemoryBytes < 1) {
      throw bad("kv-memory", kvMemoryBytes, "a positive size such as 768MiB");
    }
    if (maxBatchTokens < 1 || maxBatchTokens > BATCH_TOKENS_MAX) {
      throw bad("max-batch-tokens", maxBatchTokens, "1 to " + BATCH_TOKENS_MAX);
    }
  }

  /** On the whole CPU. */
  public EngineSettings(
      Path cacheFolder,
      Kernels kernels,
      Optional<Arithmetic> arithmetic,
      int threads,
      long kvMemoryBytes,
      int kvBlocks,
      int maxBatchTokens) {
    this(
        cacheFolder,
        kernels,
        arithmetic,
        threads,
        kvMemoryBytes,
        kvBlocks,
        maxBatchTokens,
        Device.CPU);
  }

  /**
   * Reads the whole configuration of a node.
   *
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static EngineSettings from(Config root) {
    Config config = root.getConfig("parley.engine");
    String cache = config.getString("cache-folder");
    return new EngineSettings(
        cache.isEmpty() ? defaultCacheFolder() : Path.of(cache),
        Kernels.of(config.getString("kernels")),
        arithmetic(config.getString("arithmetic")),
        config.getInt("threads"),
        config.getBytes("kv-memory"),
        config.getInt("kv-blocks"),
        config.getInt("max-batch-tokens"),
        device(config.getString("device")));
  }

  /** The same with other KV memory, of so many bytes. */
  public EngineSettings withKvMemory(long bytes) {
    return new EngineSettings(
        cacheFolder, kernels, arithmetic, threads, bytes, 0, maxBatchTokens, device);
  }

  /** The same with these kernels, or none. */
  public EngineSettings withKernels(Kernels other) {
    return new EngineSettings(
        cacheFolder, other, arithmetic, threads, kvMemoryBytes, kvBlocks, maxBatchTokens, device);
  }

  /** The same on another device. */
  public EngineSettings withDevice(Device other) {
    return new EngineSettings(
        cacheFolder, kernels, arithmetic, threads, kvMemoryBytes, kvBlocks, maxBatchTokens, other);
  }

  /** The cores that one step uses. */
  public int cores() {
    if (threads > 0) {
      return threads;
    }
    return device instanceof Device.Cores own
        ? own.numbers().size()
        : Math.min(Runtime.getRuntime().availableProcessors(), THREADS_MAX);
  }

  /** {@code $XDG_CACHE_HOME/parley}, by default {@code ~/.cache/parley}. */
  public static Path defaultCacheFolder() {
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path caches =
        xdg == null || xdg.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(xdg);
    return caches.resolve("parley");
  }

  private static Device device(String text) {
    try {
      return Device.parse(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(PATH + "device is wrong: " + e.getMessage(), e);
    }
  }

  private static Optional<Arithmetic> arithmetic(String text) {
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "auto" -> Optional.empty();
      case "f32" -> Optional.of(Arithmetic.F32);
      case "bf16" -> Optional.of(Arithmetic.BF16);
      default -> throw bad("arithmetic", text, "auto, f32 or bf16");
    };
  }

  static IllegalArgumentException bad(String key, Object value, String allowed) {
    return new IllegalArgumentException(PATH + key + " is " + value + "; it allows " + allowed);
  }
}
