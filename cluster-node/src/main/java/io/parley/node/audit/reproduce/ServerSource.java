package io.parley.node.audit.reproduce;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.node.StartupException;
import io.parley.node.http.Ids;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.journal.SessionSerializer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/** Event histories of a running server, over its API. */
public final class ServerSource implements HistorySource {
  private static final int PAGE = 1000;
  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  private final ObjectMapper json = new ObjectMapper();
  private final SessionSerializer serializer = new SessionSerializer();
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(5))
          .build();
  private final URI base;
  private final Optional<String> apiKey;
  private final List<SessionId> sessions;

  /**
   * @param base with {@code /v1}
   * @param sessions whose tenant is the key's for the server; the tenant of these names them here
   */
  public ServerSource(URI base, Optional<String> apiKey, List<SessionId> sessions) {
    this.base = base;
    this.apiKey = apiKey;
    this.sessions = List.copyOf(sessions);
  }

  @Override
  public Iterator<SessionHistory> histories() {
    return sessions.stream().map(this::read).iterator();
  }

  private SessionHistory read(SessionId session) {
    SessionHistory.Builder history = new SessionHistory.Builder(session, serializer);
    boolean more = true;
    while (more) {
      Optional<JsonNode> page = page(session, history.lastSequence());
      if (page.isEmpty()) {
        history.lacks("there is no such session at " + base + ", or it was deleted");
        break;
      }
      long before = history.lastSequence();
      page.get().path("data").forEach(history::add);
      more = page.get().path("has_more").asBoolean() && history.lastSequence() > before;
    }
    return history.build();
  }

  /** Empty when the server knows no such session. */
  private Optional<JsonNode> page(SessionId session, long after) {
    String path =
        "%s/sessions/%s/events?limit=%d&after=%d"
            .formatted(base.toString().replaceFirst("/+$", ""), Ids.session(session), PAGE, after);
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(path)).timeout(TIMEOUT);
    apiKey.ifPresent(key -> request.header("Authorization", "Bearer " + key));
    try {
      HttpResponse<String> response =
          http.send(request.build(), HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() == 404) {
        return Optional.empty();
      }
      JsonNode body = json.readTree(response.body());
      if (response.statusCode() != 200) {
        throw new StartupException(
            "the server at %s answers %d: %s"
                .formatted(base, response.statusCode(), body.at("/error/message").asText()));
      }
      return Optional.of(body);
    } catch (JsonProcessingException e) {
      throw new StartupException(base + " does not answer as a server of Parley's does", e);
    } catch (IOException e) {
      throw new StartupException("no server answers at " + base + "; is it running?", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StartupException("interrupted", e);
    }
  }
}
