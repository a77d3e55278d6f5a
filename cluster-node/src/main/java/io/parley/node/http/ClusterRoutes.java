package io.parley.node.http;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import akka.cluster.sharding.ShardRegion.CurrentShardRegionState;
import akka.cluster.sharding.ShardRegion.ShardState;
import akka.cluster.sharding.typed.ClusterShardingQuery;
import akka.cluster.sharding.typed.GetShardRegionState;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.http.javadsl.model.HttpResponse;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.routing.protocol.SessionInbox;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletionStage;

/** The management listener's paths below {@code /cluster}. */
final class ClusterRoutes {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final ActorSystem<?> system;

  ClusterRoutes(ActorSystem<?> system) {
    this.system = system;
  }

  void addTo(Router router) {
    router.get("/cluster/shards", call -> shards());
  }

  /** The shards of this node. */
  private CompletionStage<HttpResponse> shards() {
    return AskPattern.<ClusterShardingQuery, CurrentShardRegionState>ask(
            ClusterSharding.get(system).shardState(),
            replyTo -> new GetShardRegionState(SessionInbox.TYPE_KEY, replyTo),
            PATIENCE,
            system.scheduler())
        .thenApply(state -> Replies.ok(json(state)));
  }

  private static ObjectNode json(CurrentShardRegionState state) {
    List<ShardState> shards = new ArrayList<>(state.getShards());
    shards.sort(Comparator.comparing(shard -> Integer.parseInt(shard.shardId())));
    ObjectNode list = Json.object().put("object", "list");
    ArrayNode data = list.putArray("data");
    for (ShardState shard : shards) {
      data.addObject()
          .put("shard", Integer.parseInt(shard.shardId()))
          .put("sessions", shard.getEntityIds().size());
    }
    return list;
  }
}
