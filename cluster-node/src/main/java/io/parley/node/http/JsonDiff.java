package io.parley.node.http;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Set;
import java.util.TreeSet;

/** In which places two trees differ: each with its JSON pointer and what is there in each. */
final class JsonDiff {
  /** More are counted and not told. */
  static final int CHANGES_MAX = 1000;

  private final ArrayNode changes = Json.object().putArray("changes");
  private long leftOut;

  private JsonDiff() {}

  /** The changes that lead from one tree to the other, into {@code into}. */
  static void put(ObjectNode into, JsonNode before, JsonNode after) {
    JsonDiff diff = new JsonDiff();
    diff.compare(JsonPointer.empty(), before, after);
    into.set("changes", diff.changes);
    into.put("changes_left_out", diff.leftOut);
  }

  private void compare(JsonPointer at, JsonNode before, JsonNode after) {
    if (before.equals(after)) {
      return;
    }
    if (before.isObject() && after.isObject()) {
      Set<String> names = new TreeSet<>();
      before.fieldNames().forEachRemaining(names::add);
      after.fieldNames().forEachRemaining(names::add);
      for (String name : names) {
        compare(at.appendProperty(name), before.path(name), after.path(name));
      }
    } else if (before.isArray() && after.isArray()) {
      for (int i = 0; i < Math.max(before.size(), after.size()); i++) {
        compare(at.appendIndex(i), before.path(i), after.path(i));
      }
    } else {
      changed(at, before, after);
    }
  }

  private void changed(JsonPointer at, JsonNode before, JsonNode after) {
    if (changes.size() == CHANGES_MAX) {
      leftOut++;
      return;
    }
    ObjectNode change = changes.addObject().put("path", at.toString());
    if (!before.isMissingNode()) {
      change.set("before", before);
    }
    if (!after.isMissingNode()) {
      change.set("after", after);
    }
  }
}
