package io.parley.node.http;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import akka.cluster.sharding.ShardRegion.CurrentShardRegionState;
import akka.cluster.sharding.ShardRegion.ShardState;
import akka.cluster.sharding.typed.ClusterShardingQuery;
import akka.cluster.sharding.typed.GetShardRegionState;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.typed.Cluster;
import akka.http.javadsl.model.HttpResponse;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.cluster.ClusterView;
import io.parley.node.cluster.NodeReport;
import io.parley.node.models.ModelState;
import io.parley.routing.Dispatcher;
import io.parley.routing.Dispatcher.Inspection;
import io.parley.routing.Dispatcher.WorkerView;
import io.parley.routing.Dispatchers;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.SessionInbox;
import io.parley.sessions.SessionSharding;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** The management listener's paths below {@code /cluster}. */
final class ClusterRoutes {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final ActorSystem<?> system;
  private final ClusterView view;

  ClusterRoutes(ActorSystem<?> system) {
    this.system = system;
    this.view = new ClusterView(system);
  }

  void addTo(Router router) {
    router.get("/cluster", call -> view.members().thenApply(ClusterRoutes::members));
    router.get("/cluster/shards", call -> shards());
    router.get("/cluster/queues", call -> queues());
    router.get("/cluster/workers", call -> view.workers().thenApply(ClusterRoutes::workers));
    router.get("/cluster/models", call -> view.workers().thenApply(this::models));
    router.postWithoutBody("/cluster/{node}/drain", this::drain);
    router.postWithoutBody("/cluster/{node}/leave", call -> done(call, view.leave(node(call))));
    router.postWithoutBody("/cluster/{node}/down", call -> done(call, view.down(node(call))));
  }

  private static String node(Call call) {
    return call.path().get(0);
  }

  private CompletionStage<HttpResponse> drain(Call call) {
    return view.drain(node(call))
        .exceptionally(
            silent -> {
              throw ApiException.of(503, "node_silent", "The node does not answer.");
            })
        .thenCompose(known -> done(call, known));
  }

  private static CompletionStage<HttpResponse> done(Call call, boolean known) {
    if (!known) {
      throw ApiException.of(
          404, "node_not_found", "The cluster has no node " + node(call) + ": see 'status'.");
    }
    ObjectNode json = Json.object().put("object", "cluster.node").put("node", node(call));
    return CompletableFuture.completedFuture(Replies.json(202, json));
  }

  private static HttpResponse members(List<ClusterView.NodeStatus> members) {
    ObjectNode list = list();
    for (ClusterView.NodeStatus member : members) {
      ObjectNode json =
          ((ArrayNode) list.path("data"))
              .addObject()
              .put("object", "cluster.node")
              .put("node", member.node())
              .put("status", member.status())
              .put("reachable", member.reachable())
              .put("self", member.self())
              .put("version", member.version());
      member.roles().forEach(json.putArray("roles")::add);
      member
          .held()
          .ifPresent(held -> json.put("shards", held.shards()).put("sessions", held.sessions()));
    }
    return Replies.ok(list);
  }

  private static HttpResponse workers(List<ClusterView.Reported> nodes) {
    ObjectNode list = list();
    for (ClusterView.Reported node : nodes) {
      ObjectNode json =
          ((ArrayNode) list.path("data"))
              .addObject()
              .put("object", "cluster.worker_node")
              .put("node", node.node())
              .put("answers", node.report().isPresent());
      ArrayNode models = json.putArray("models");
      node.report().map(NodeReport::workers).orElse(List.of()).stream()
          .map(ClusterRoutes::worker)
          .forEach(models::add);
    }
    return Replies.ok(list);
  }

  private static ObjectNode worker(NodeReport.Worker worker) {
    ObjectNode json =
        Json.object()
            .put("model", worker.model())
            .put("state", worker.state())
            .put("device", worker.device());
    worker
        .load()
        .ifPresent(
            load ->
                json.put("slots", load.slots())
                    .put("running", load.running())
                    .put("waiting", load.waiting())
                    .put("kv_blocks", load.kvBlocks())
                    .put("kv_blocks_free", load.kvBlocksFree()));
    return json;
  }

  /** The models that are served, by the directory that turns go by, and where. */
  private HttpResponse models(List<ClusterView.Reported> nodes) {
    ObjectNode list = list();
    for (ModelInfo model : WorkerDirectory.get(system).models()) {
      ObjectNode json =
          ((ArrayNode) list.path("data"))
              .addObject()
              .put("object", "cluster.model")
              .put("model", model.id().toString())
              .put("context_length", model.contextLength())
              .put("embeds", model.embeds())
              .put("workers", WorkerDirectory.get(system).workers(model.id()).size());
      ArrayNode on = json.putArray("nodes");
      nodes.stream()
          .filter(node -> serves(node, model.id().toString()))
          .forEach(node -> on.add(node.node()));
    }
    return Replies.ok(list);
  }

  private static boolean serves(ClusterView.Reported node, String model) {
    return node.report().stream()
        .flatMap(report -> report.workers().stream())
        .anyMatch(
            worker ->
                worker.model().equals(model) && worker.state().equals(ModelState.SERVING.label()));
  }

  private static ObjectNode list() {
    ObjectNode list = Json.object().put("object", "list");
    list.putArray("data");
    return list;
  }

  /** What waits at the dispatcher of this node, and is on its way from there. */
  private CompletionStage<HttpResponse> queues() {
    if (!Cluster.get(system).selfMember().hasRole(SessionSharding.ROLE)) {
      return CompletableFuture.completedFuture(Replies.ok(list()));
    }
    return AskPattern.<Dispatcher.Command, Inspection>ask(
            Dispatchers.get(system).local(), Dispatcher.Inspect::new, PATIENCE, system.scheduler())
        .thenApply(held -> Replies.ok(json(held)));
  }

  private static ObjectNode json(Inspection held) {
    ObjectNode list = list();
    held.waiting()
        .forEach(
            (model, waiting) -> {
              List<WorkerView> workers =
                  held.workers().stream().filter(worker -> worker.model().equals(model)).toList();
              ((ArrayNode) list.path("data"))
                  .addObject()
                  .put("object", "cluster.queue")
                  .put("model", model.toString())
                  .put("waiting", waiting)
                  .put("workers", workers.size())
                  .put("under_way", workers.stream().mapToInt(WorkerView::underWay).sum());
            });
    return list;
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
    ObjectNode list = list();
    for (ShardState shard : shards) {
      ((ArrayNode) list.path("data"))
          .addObject()
          .put("shard", Integer.parseInt(shard.shardId()))
          .put("sessions", shard.getEntityIds().size());
    }
    return list;
  }
}
