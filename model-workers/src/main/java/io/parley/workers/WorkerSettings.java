package io.parley.workers;

import com.typesafe.config.Config;
import io.parley.routing.SettingsSection;
import java.time.Duration;

/**
 * {@code parley.worker} of the configuration; the keys are explained in {@code reference.conf}.
 *
 * @param groupInterval the least time between two token groups of an attempt
 * @param groupsPerSecond the most groups of all attempts together, but for first tokens and ends
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
 * @param drainTimeout how long the last worker of a model goes on with its attempts when its node
 *     stops
 * @param iterationTimeout an iteration that lasts longer means that the replica is stalled
 * @param parkedMax works beyond the slots that may wait at the worker; others are given back
 * @param weight its share of the works, where the routing policy goes by it
 */
public record WorkerSettings(
    Duration groupInterval,
    int groupsPerSecond,
    int groupTokensMax,
    Duration resendMin,
    Duration resendMax,
    Duration unacknowledgedTimeout,
    int unacknowledgedMax,
    Duration loadReportInterval,
    Duration openTimeout,
    Duration restartMin,
    Duration restartMax,
    Duration leaveTimeout,
    Duration drainTimeout,
    Duration iterationTimeout,
    int parkedMax,
    double weight) {
  private static final SettingsSection SECTION = new SettingsSection("parley.worker");

  public WorkerSettings {
    SECTION.requirePositive("group-interval", groupInterval);
    SECTION.requireBetween("groups-per-second", groupsPerSecond, 1, 100_000);
    SECTION.requireBetween("group-tokens-max", groupTokensMax, 1, 10_000);
    SECTION.requirePositive("resend-min", resendMin);
    SECTION.requireAtLeast("resend-max", resendMax, "resend-min", resendMin);
    SECTION.requireAtLeast(
        "unacknowledged-timeout", unacknowledgedTimeout, "resend-min", resendMin);
    SECTION.requireBetween("unacknowledged-max", unacknowledgedMax, 1, 100_000);
    SECTION.requirePositive("load-report-interval", loadReportInterval);
    SECTION.requirePositive("open-timeout", openTimeout);
    SECTION.requirePositive("restart-min", restartMin);
    SECTION.requireAtLeast("restart-max", restartMax, "restart-min", restartMin);
    SECTION.requirePositive("leave-timeout", leaveTimeout);
    SECTION.requireNotNegative("drain-timeout", drainTimeout);
    SECTION.requirePositive("iteration-timeout", iterationTimeout);
    SECTION.requireBetween("parked-max", parkedMax, 0, 1000);
    SECTION.requireNumberBetween("weight", weight, 0.001, 1000.0);
  }

  /**
   * Reads {@code parley.worker}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static WorkerSettings from(Config root) {
    return new WorkerSettings(
        SECTION.duration(root, "group-interval"),
        SECTION.integer(root, "groups-per-second"),
        SECTION.integer(root, "group-tokens-max"),
        SECTION.duration(root, "resend-min"),
        SECTION.duration(root, "resend-max"),
        SECTION.duration(root, "unacknowledged-timeout"),
        SECTION.integer(root, "unacknowledged-max"),
        SECTION.duration(root, "load-report-interval"),
        SECTION.duration(root, "open-timeout"),
        SECTION.duration(root, "restart-min"),
        SECTION.duration(root, "restart-max"),
        SECTION.duration(root, "leave-timeout"),
        SECTION.duration(root, "drain-timeout"),
        SECTION.duration(root, "iteration-timeout"),
        SECTION.integer(root, "parked-max"),
        SECTION.number(root, "weight"));
  }

  /**
   * The time between two groups of an attempt while so many run: at least {@code group-interval},
   * and not longer than {@code resend-min}, as signs of life are given at the same times.
   */
  Duration groupInterval(int running) {
    Duration share = Duration.ofSeconds(running).dividedBy(groupsPerSecond);
    Duration bounded = share.compareTo(resendMin) < 0 ? share : resendMin;
    return bounded.compareTo(groupInterval) > 0 ? bounded : groupInterval;
  }

  /**
   * Refuses settings by which a session that was recovered would give up an attempt that runs.
   *
   * @param adoptionLease how long such a session waits for a word from the worker
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public void requireTwoResendsWithin(Duration adoptionLease) {
    SECTION.requireAtMost(
        "resend-max",
        resendMax,
        "half of parley.session.adoption-lease",
        adoptionLease.dividedBy(2));
  }

  /**
   * A worker that is well must not be taken for a silent one when two of its reports are late.
   *
   * @param workerSilence after which a dispatcher does
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public void requireThreeReportsWithin(Duration workerSilence) {
    SECTION.requireAtMost(
        "load-report-interval",
        loadReportInterval,
        "a third of parley.routing.worker-silence",
        workerSilence.dividedBy(3));
  }
}
