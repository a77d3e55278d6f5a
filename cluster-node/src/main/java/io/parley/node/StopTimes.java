package io.parley.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.node.http.HttpSettings;
import io.parley.workers.WorkerSettings;
import java.time.Duration;
import java.util.Map;

/**
 * How long the parts of a stop may take. Requests and workers end side by side, while sessions
 * still serve both; then shards and cluster.
 *
 * @param requests how long running requests may go on
 * @param lastWorkers how long workers may go on with what no other worker can go on with
 * @param handingOver how long workers wait for what they are owed
 */
record StopTimes(Duration requests, Duration lastWorkers, Duration handingOver) {
  /** A phase lasts a little longer than its task, which has the better way to end. */
  private static final Duration MARGIN = Duration.ofSeconds(2);

  /** What is left for all other phases together. */
  private static final Duration REST = Duration.ofSeconds(40);

  static StopTimes from(Config config) {
    WorkerSettings workers = WorkerSettings.from(config);
    return new StopTimes(
        HttpSettings.of(config).stopDeadline(), workers.drainTimeout(), workers.leaveTimeout());
  }

  /** The time-outs of Akka's coordinated shutdown that go with them. */
  Config phases() {
    String phases = "akka.coordinated-shutdown.phases.";
    return ConfigFactory.parseMap(
        Map.of(
            phases + "service-requests-done.timeout", requests.plus(MARGIN),
            phases + "service-stop.timeout", lastWorkers.plus(handingOver).plus(MARGIN)));
  }

  /** How long the actors may take to stop altogether. */
  Duration patience() {
    Duration longer = requests.compareTo(lastWorkers) > 0 ? requests : lastWorkers;
    return longer.plus(handingOver).plus(REST);
  }
}
