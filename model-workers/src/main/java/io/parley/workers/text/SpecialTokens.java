package io.parley.workers.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Finds the tokens that stand for themselves in a text: control tokens where they are wanted, and
 * user-defined tokens anywhere. At one place the longest counts.
 */
final class SpecialTokens {
  private static final int NONE = -1;

  private final Map<Character, List<Entry>> byFirstChar = new HashMap<>();
  private final Set<String> texts = new TreeSet<>();

  private record Entry(String text, int id, boolean control) {}

  /** A token, or the text between two. */
  record Piece(String text, int id) {
    boolean isToken() {
      return id != NONE;
    }
  }

  SpecialTokens(Vocabulary vocabulary) {
    for (int id = 0; id < vocabulary.size(); id++) {
      String text = vocabulary.text(id);
      boolean control = vocabulary.special(id);
      if (!text.isEmpty() && (control || vocabulary.userDefined(id))) {
        byFirstChar
            .computeIfAbsent(text.charAt(0), c -> new ArrayList<>())
            .add(new Entry(text, id, control));
        if (control) {
          texts.add(text);
        }
      }
    }
    byFirstChar
        .values()
        .forEach(l -> l.sort(Comparator.comparingInt((Entry e) -> e.text.length()).reversed()));
  }

  /** The control tokens' texts. */
  Set<String> texts() {
    return Set.copyOf(texts);
  }

  List<Piece> split(String text, boolean control) {
    List<Piece> pieces = new ArrayList<>();
    int begin = 0;
    int at = 0;
    while (at < text.length()) {
      Entry found = find(text, at, control);
      if (found == null) {
        at++;
        continue;
      }
      if (at > begin) {
        pieces.add(new Piece(text.substring(begin, at), NONE));
      }
      pieces.add(new Piece(found.text, found.id));
      at += found.text.length();
      begin = at;
    }
    if (text.length() > begin) {
      pieces.add(new Piece(text.substring(begin), NONE));
    }
    return pieces;
  }

  private Entry find(String text, int at, boolean control) {
    for (Entry entry : byFirstChar.getOrDefault(text.charAt(at), List.of())) {
      if ((control || !entry.control) && text.startsWith(entry.text, at)) {
        return entry;
      }
    }
    return null;
  }
}
