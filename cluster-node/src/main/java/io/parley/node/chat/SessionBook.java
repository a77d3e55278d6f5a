package io.parley.node.chat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The sessions that this user began, newest first, in a file of one line each: the id, a tab, and
 * the first words. It is a convenience; losing it loses no conversation.
 */
public final class SessionBook {
  private static final int SESSIONS_MAX = 100;
  private static final int TITLE_CHARS_MAX = 60;

  private final Path file;

  public SessionBook(Path file) {
    this.file = file;
  }

  /** In {@code XDG_STATE_HOME} or {@code ~/.local/state}. */
  public static SessionBook ofUser() {
    String xdg = System.getenv("XDG_STATE_HOME");
    Path base =
        xdg == null || xdg.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".local", "state")
            : Path.of(xdg);
    return new SessionBook(base.resolve("parley").resolve("chat-sessions"));
  }

  /** One remembered session. */
  public record Entry(String sessionId, String title) {}

  /** Newest first; empty when there is no file. */
  public List<Entry> entries() throws IOException {
    if (!Files.exists(file)) {
      return List.of();
    }
    List<Entry> entries = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      int tab = line.indexOf('\t');
      if (tab > 0) {
        entries.add(new Entry(line.substring(0, tab), line.substring(tab + 1)));
      }
    }
    return entries;
  }

  /** Puts a session on top. */
  public void add(String sessionId, String firstMessage) throws IOException {
    List<Entry> entries = new ArrayList<>();
    entries.add(new Entry(sessionId, title(firstMessage)));
    entries().stream()
        .filter(entry -> !entry.sessionId().equals(sessionId))
        .limit(SESSIONS_MAX - 1L)
        .forEach(entries::add);
    Files.createDirectories(file.getParent());
    Path fresh = Files.createTempFile(file.getParent(), "chat-sessions", ".tmp");
    Files.write(
        fresh, entries.stream().map(entry -> entry.sessionId() + "\t" + entry.title()).toList());
    Files.move(fresh, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
  }

  private static String title(String firstMessage) {
    String oneLine = firstMessage.replaceAll("\\s+", " ").strip();
    return oneLine.length() <= TITLE_CHARS_MAX
        ? oneLine
        : oneLine.substring(0, TITLE_CHARS_MAX - 1) + "…";
  }
}
