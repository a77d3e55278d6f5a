package io.parley.node.audit.reproduce;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.node.StartupException;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.sessions.journal.SessionSerializer;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * Exported events, one JSON object a line: {@code session_id}, {@code tenant} (the default one
 * where it is not said), {@code sequence}, {@code type}, {@code payload}. A line may be a page of
 * the API's instead. Those of a session stand together. Objects without a type are passed over.
 */
public final class FileSource implements HistorySource {
  private final ObjectMapper json = new ObjectMapper();
  private final SessionSerializer serializer = new SessionSerializer();
  private final Path file;
  private final Optional<SessionId> unnamed;
  private final List<SessionId> wanted;

  /**
   * @param unnamed whose the events are that name no session
   * @param wanted sessions; empty: all
   */
  public FileSource(Path file, Optional<SessionId> unnamed, List<SessionId> wanted) {
    this.file = file;
    this.unnamed = unnamed;
    this.wanted = List.copyOf(wanted);
  }

  @Override
  public Iterator<SessionHistory> histories() {
    try {
      return new Histories(Files.newBufferedReader(file));
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private StartupException unreadable(IOException e) {
    return new StartupException("the file " + file + " cannot be read: " + e.getMessage(), e);
  }

  private final class Histories implements Iterator<SessionHistory> {
    private final BufferedReader lines;
    private final Deque<JsonNode> events = new ArrayDeque<>(); // of the line at hand
    private long line;
    private boolean ended;
    private Optional<SessionHistory> next;

    Histories(BufferedReader lines) {
      this.lines = lines;
      next = read();
    }

    @Override
    public boolean hasNext() {
      return next.isPresent();
    }

    @Override
    public SessionHistory next() {
      SessionHistory history = next.orElseThrow(NoSuchElementException::new);
      next = read();
      return history;
    }

    private Optional<SessionHistory> read() {
      SessionHistory.Builder history = null;
      for (Optional<JsonNode> event = event(); event.isPresent(); event = event()) {
        SessionId session = session(event.get());
        if (!wanted.isEmpty() && !wanted.contains(session)) {
          continue;
        }
        if (history == null) {
          history = new SessionHistory.Builder(session, serializer);
        } else if (!history.id().equals(session)) {
          events.addFirst(event.get());
          break;
        }
        history.add(event.get());
      }
      return Optional.ofNullable(history).map(SessionHistory.Builder::build);
    }

    private Optional<JsonNode> event() {
      try {
        while (events.isEmpty()) {
          String text = ended ? null : lines.readLine();
          if (text == null) {
            ended = true;
            lines.close();
            return Optional.empty();
          }
          line++;
          if (text.isBlank()) {
            continue;
          }
          JsonNode node = json.readTree(text);
          (node.has("data") ? node.path("data") : List.of(node)).forEach(this::take);
        }
        return Optional.of(events.removeFirst());
      } catch (JsonProcessingException e) {
        throw new StartupException("line " + line + " of " + file + " is not JSON", e);
      } catch (IOException e) {
        throw unreadable(e);
      }
    }

    private void take(JsonNode node) {
      if (node.has("type") && node.has("payload")) {
        events.addLast(node);
      }
    }

    private SessionId session(JsonNode event) {
      if (!event.has("session_id")) {
        return unnamed.orElseThrow(
            () ->
                new StartupException(
                    "line %d of %s does not say which session it is of; name it"
                        .formatted(line, file)));
      }
      try {
        TenantId tenant =
            event.has("tenant") ? new TenantId(event.path("tenant").asText()) : TenantId.DEFAULT;
        return new SessionId(tenant, event.path("session_id").asText().replaceFirst("^sess_", ""));
      } catch (IllegalArgumentException e) {
        throw new StartupException("line %d of %s: %s".formatted(line, file, e.getMessage()), e);
      }
    }
  }
}
