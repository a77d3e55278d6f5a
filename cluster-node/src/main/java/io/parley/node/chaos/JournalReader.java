package io.parley.node.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.typesafe.config.ConfigFactory;
import io.parley.node.chaos.Journal.Event;
import io.parley.node.chaos.Journal.Kind;
import io.parley.persistence.JournalEndpoint;
import io.parley.persistence.JournalException;
import io.parley.persistence.JournalRows;
import io.parley.persistence.JournalRows.StoredRow;
import io.parley.persistence.JournalSettings;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.sessions.SessionEntity;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Reads what is stored of a session: its events by the API, its rows where they lie. */
final class JournalReader implements AutoCloseable {
  private static final int PAGE = 1000;
  private static final long PATIENCE_NANOS = TimeUnit.MINUTES.toNanos(2);
  private static final long RETRY_MILLIS = 500;

  private final Edges edges;
  private final JournalRows rows;

  JournalReader(Edges edges, JournalEndpoint endpoint) {
    this.edges = edges;
    this.rows =
        JournalRows.open(
            JournalSettings.from(ConfigFactory.load()), endpoint, Duration.ofMinutes(1));
  }

  /**
   * Reads a session.
   *
   * @throws IllegalStateException when no node can read it within two minutes
   */
  Journal read(String session, Tenant tenant) throws InterruptedException {
    List<Event> events = events(session, tenant);
    SessionId id = new SessionId(new TenantId(tenant.name()), session.substring("sess_".length()));
    return new Journal(events, rows(SessionEntity.persistenceId(id).id()));
  }

  /** Only its events. */
  List<Event> events(String session, Tenant tenant) throws InterruptedException {
    List<Event> events = new ArrayList<>();
    boolean more = true;
    while (more) {
      long after = events.isEmpty() ? 0 : events.get(events.size() - 1).sequence();
      String path = "/v1/sessions/%s/events?limit=%d&after=%d".formatted(session, PAGE, after);
      JsonNode page = page(path, tenant);
      page.path("data").forEach(each -> events.add(event(each)));
      more = page.path("has_more").asBoolean();
    }
    return events;
  }

  /** A page of events; an empty one where there is no such session. */
  private JsonNode page(String path, Tenant tenant) throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    String last = "";
    NodeProcess node = edges.nodes().get(0);
    while (System.nanoTime() - deadline < 0) {
      try {
        HttpResponse<String> response = edges.sendNow(edges.get(node, tenant, path));
        if (response.statusCode() == 200 || response.statusCode() == 404) {
          return Edges.parse(response.body());
        }
        last = response.statusCode() + " " + response.body();
      } catch (IOException e) {
        last = String.valueOf(e.getMessage());
      }
      node = edges.behind(node);
      TimeUnit.MILLISECONDS.sleep(RETRY_MILLIS);
    }
    throw new IllegalStateException(path + " cannot be read: " + last);
  }

  private List<StoredRow> rows(String persistenceId) throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (true) {
      try {
        return rows.rows(persistenceId);
      } catch (JournalException e) {
        if (System.nanoTime() - deadline > 0) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(RETRY_MILLIS);
      }
    }
  }

  private static Event event(JsonNode json) {
    JsonNode payload = json.path("payload");
    List<String> texts = new ArrayList<>();
    payload.at("/tokens/texts").forEach(text -> texts.add(text.asText()));
    return new Event(
        json.path("sequence").asLong(),
        kind(json.path("type").asText()),
        payload.path("at").asLong(),
        payload.path("turn").asInt(),
        payload.path("attempt").asInt(),
        payload.path("key").asText(""),
        payload.path("firstIndex").asInt(),
        texts,
        payload.path("tail").asText(""),
        payload.at("/prompt/promptTokens").asInt());
  }

  /** By the manifest without its version. */
  private static Kind kind(String manifest) {
    return switch (manifest.replaceFirst("\\.v\\d+$", "")) {
      case "turn-started" -> Kind.STARTED;
      case "attempt-started" -> Kind.ATTEMPT;
      case "turn-admitted" -> Kind.ADMITTED;
      case "tokens-appended" -> Kind.TOKENS;
      case "turn-completed" -> Kind.COMPLETED;
      case "turn-cancelled" -> Kind.CANCELLED;
      case "turn-failed" -> Kind.FAILED;
      default -> Kind.OTHER;
    };
  }

  @Override
  public void close() {
    rows.close();
  }
}
