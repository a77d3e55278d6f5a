package io.parley.routing;

import akka.actor.typed.ActorSystem;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.SessionInbox;
import java.util.function.Consumer;

/**
 * Takes reports to the sessions, wherever they live. The node must have initialised the sharding of
 * {@link SessionInbox#TYPE_KEY}, if only as a proxy.
 */
public final class SessionReports {
  private SessionReports() {}

  /** Sends each report once; what must arrive is sent again by the one who reports. */
  public static Consumer<AttemptReport> bySharding(ActorSystem<?> system) {
    ClusterSharding sharding = ClusterSharding.get(system);
    return report ->
        sharding.entityRefFor(SessionInbox.TYPE_KEY, report.id().session().entityId()).tell(report);
  }
}
