package io.parley.workers.batch;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;

/**
 * The configuration under {@code parley.batcher}; reference.conf says what each key means.
 *
 * @param slots sequences that run at once
 * @param maxBatchTokens input tokens of one forward pass
 * @param prefillChunk prompt tokens of one forward pass that also decodes
 * @param waitingMax works that wait for a slot beside those that run
 * @param prefixCache whether sequences share KV blocks of what they have in common
 * @param promptThreads threads that render and tokenize prompts
 * @param forms compiled forms of answers that are kept
 * @param draftRows rows of a forward pass up to which it takes guessed tokens
 */
public record BatcherSettings(
    int slots,
    int maxBatchTokens,
    int prefillChunk,
    boolean prefixCache,
    int waitingMax,
    int promptThreads,
    int forms,
    int draftRows) {
  private static final String SECTION = "parley.batcher.";

  public BatcherSettings {
    check(slots >= 1 && slots <= 4096, "slots", "1 to 4096", slots);
    check(
        maxBatchTokens >= slots && maxBatchTokens <= 65536,
        "max-batch-tokens",
        "slots (" + slots + ") to 65536",
        maxBatchTokens);
    check(
        prefillChunk >= 1 && prefillChunk <= maxBatchTokens,
        "prefill-chunk",
        "1 to max-batch-tokens (" + maxBatchTokens + ")",
        prefillChunk);
    check(waitingMax >= 0 && waitingMax <= 65536, "waiting-max", "0 to 65536", waitingMax);
    check(promptThreads >= 1 && promptThreads <= 64, "prompt-threads", "1 to 64", promptThreads);
    check(forms >= 1 && forms <= 4096, "forms", "1 to 4096", forms);
    check(draftRows >= 0 && draftRows <= 256, "draft-rows", "0 to 256", draftRows);
  }

  /**
   * Reads the section.
   *
   * @param config the whole configuration
   * @throws IllegalArgumentException when a value is not allowed; the message names the key
   */
  public static BatcherSettings from(Config config) {
    return new BatcherSettings(
        number(config, "slots"),
        number(config, "max-batch-tokens"),
        number(config, "prefill-chunk"),
        onOrOff(config, "prefix-cache"),
        number(config, "waiting-max"),
        number(config, "prompt-threads"),
        number(config, "forms"),
        number(config, "draft-rows"));
  }

  /**
   * The same with another number of slots.
   *
   * @throws IllegalArgumentException when it is not allowed
   */
  public BatcherSettings withSlots(int other) {
    return new BatcherSettings(
        other,
        maxBatchTokens,
        prefillChunk,
        prefixCache,
        waitingMax,
        promptThreads,
        forms,
        draftRows);
  }

  private static int number(Config config, String key) {
    try {
      return config.getInt(SECTION + key);
    } catch (ConfigException e) {
      throw new IllegalArgumentException(SECTION + key + " is a whole number", e);
    }
  }

  private static boolean onOrOff(Config config, String key) {
    try {
      return config.getBoolean(SECTION + key);
    } catch (ConfigException e) {
      throw new IllegalArgumentException(SECTION + key + " is on or off", e);
    }
  }

  private static void check(boolean allowed, String key, String range, int value) {
    if (!allowed) {
      throw new IllegalArgumentException(SECTION + key + " is " + range + ", not " + value);
    }
  }
}
