package io.parley.routing.protocol;

import java.util.Objects;

/**
 * What a worker says of itself beside its free slots. All of it is measured or configured by the
 * worker; a worker that does not say has {@link #UNKNOWN}.
 *
 * @param slots works that it can run at once; 0 when it does not say
 * @param weight its share of the works, against other workers, where the policy goes by it
 * @param firstTokenMillis from a work's arrival to its first token, of late; 0 while not measured
 * @param prefillTokensPerSecond prompt tokens that it computes in a second, of late; 0 while not
 *     measured
 * @param device what it computes on, for people: "cpu", "cpu:cores=0-3", "gpu:0"; empty when it
 *     does not say
 */
public record WorkerLoad(
    int slots,
    double weight,
    double firstTokenMillis,
    double prefillTokensPerSecond,
    String device) {
  public static final WorkerLoad UNKNOWN = new WorkerLoad(0, 1, 0, 0);

  /** Of a worker that does not say what it computes on. */
  public WorkerLoad(
      int slots, double weight, double firstTokenMillis, double prefillTokensPerSecond) {
    this(slots, weight, firstTokenMillis, prefillTokensPerSecond, "");
  }

  public WorkerLoad {
    device = Objects.requireNonNullElse(device, "");
    if (slots < 0 || !(weight > 0) || !(firstTokenMillis >= 0) || !(prefillTokensPerSecond >= 0)) {
      throw new IllegalArgumentException("a load is not negative, and a weight above 0");
    }
  }
}
