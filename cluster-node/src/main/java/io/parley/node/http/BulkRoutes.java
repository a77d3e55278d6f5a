package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;

/** The management listener's path {@code /bulk}: the records of this node. */
final class BulkRoutes {
  private final Optional<BulkView> bulk;

  BulkRoutes(Optional<BulkView> bulk) {
    this.bulk = bulk;
  }

  void addTo(Router router) {
    router.get(
        "/bulk", call -> CompletableFuture.completedFuture(Replies.ok(json(required().state()))));
  }

  private BulkView required() {
    return bulk.orElseThrow(
        () -> ApiException.of(409, "not_bulk", "This node does not have the role 'bulk'."));
  }

  private static ObjectNode json(BulkView.State state) {
    ObjectNode json = Json.object().put("object", "node.bulk").put("state", state.state());
    json.put("problem", state.problem().isEmpty() ? null : state.problem());
    json.put("taken", state.taken()).put("in_flight", state.inFlight());
    json.put("results", state.results()).put("dead_letters", state.deadLetters());
    json.put("waits", state.waits()).put("restarts", state.restarts());
    json.put("lag", state.totalLag());
    ObjectNode partitions = json.putObject("partitions");
    new TreeMap<>(state.lag())
        .forEach((partition, lag) -> partitions.put(Integer.toString(partition), lag));
    return json;
  }
}
