package io.parley.workers;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.time.Duration;
import java.util.function.Function;

/**
 * {@code parley.worker} of the configuration; the keys are explained in {@code reference.conf}.
 *
 * @param groupInterval the least time between two token groups of an attempt
 * @param groupTokensMax tokens in one group
 * @param resendMin the first wait before an unanswered report is sent again, and the wait between
 *     two signs of an attempt that owes its session nothing
 * @param resendMax the longest such wait
 * @param unacknowledgedTimeout without progress for so long, an attempt is dropped
 * @param unacknowledgedMax finished attempts held for their sessions; past it nothing is pulled
 * @param loadReportInterval how often the free slots are reported again, and streams opened again
 * @param openTimeout how long to wait for a dispatcher's stream
 * @param restartMin the first wait before a broken replica is loaded again
 * @param restartMax the longest such wait
 * @param leaveTimeout how long a leaving worker waits for its sessions' answers
 */
public record WorkerSettings(
    Duration groupInterval,
    int groupTokensMax,
    Duration resendMin,
    Duration resendMax,
    Duration unacknowledgedTimeout,
    int unacknowledgedMax,
    Duration loadReportInterval,
    Duration openTimeout,
    Duration restartMin,
    Duration restartMax,
    Duration leaveTimeout) {

  public WorkerSettings {
    requirePositive("group-interval", groupInterval);
    requireBetween("group-tokens-max", groupTokensMax, 1, 10_000);
    requirePositive("resend-min", resendMin);
    requireAtLeast("resend-max", resendMax, "resend-min", resendMin);
    requireAtLeast("unacknowledged-timeout", unacknowledgedTimeout, "resend-min", resendMin);
    requireBetween("unacknowledged-max", unacknowledgedMax, 1, 100_000);
    requirePositive("load-report-interval", loadReportInterval);
    requirePositive("open-timeout", openTimeout);
    requirePositive("restart-min", restartMin);
    requireAtLeast("restart-max", restartMax, "restart-min", restartMin);
    requirePositive("leave-timeout", leaveTimeout);
  }

  /**
   * Reads {@code parley.worker}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static WorkerSettings from(Config root) {
    Config config = root.getConfig("parley.worker");
    return new WorkerSettings(
        read("group-interval", "a duration", config::getDuration),
        read("group-tokens-max", "a whole number", config::getInt),
        read("resend-min", "a duration", config::getDuration),
        read("resend-max", "a duration", config::getDuration),
        read("unacknowledged-timeout", "a duration", config::getDuration),
        read("unacknowledged-max", "a whole number", config::getInt),
        read("load-report-interval", "a duration", config::getDuration),
        read("open-timeout", "a duration", config::getDuration),
        read("restart-min", "a duration", config::getDuration),
        read("restart-max", "a duration", config::getDuration),
        read("leave-timeout", "a duration", config::getDuration));
  }

  /**
   * Refuses settings by which a session that was recovered would give up an attempt that runs.
   *
   * @param adoptionLease how long such a session waits for a word from the worker
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public void requireTwoResendsWithin(Duration adoptionLease) {
    if (resendMax.multipliedBy(2).compareTo(adoptionLease) > 0) {
      throw bad("resend-max", "at most half of parley.session.adoption-lease", resendMax);
    }
  }

  private static <T> T read(String key, String allowed, Function<String, T> getter) {
    try {
      return getter.apply(key);
    } catch (ConfigException e) {
      throw new IllegalArgumentException("parley.worker." + key + " must be " + allowed, e);
    }
  }

  private static void requireBetween(String key, int value, int min, int max) {
    if (value < min || value > max) {
      throw bad(key, "between " + min + " and " + max, value);
    }
  }

  private static void requirePositive(String key, Duration value) {
    if (value.isNegative() || value.isZero()) {
      throw bad(key, "a duration above 0", value);
    }
  }

  private static void requireAtLeast(String key, Duration value, String other, Duration least) {
    if (value.compareTo(least) < 0) {
      throw bad(key, "a duration of at least " + other, value);
    }
  }

  private static IllegalArgumentException bad(String key, String allowed, Object value) {
    return new IllegalArgumentException(
        "parley.worker." + key + " must be " + allowed + ", not " + value);
  }
}
