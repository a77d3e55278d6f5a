package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.openai.ResponsesJson;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/** Lists in pages, as OpenAI cuts them. */
final class Pages {
  private static final int LIMIT_MAX = 100;
  private static final int LIMIT_DEFAULT = 20;

  private Pages() {}

  /**
   * Which page.
   *
   * @param after id of the item that the page begins behind
   */
  record Query(int limit, boolean ascending, Optional<String> after) {
    /** The page out of all items, given oldest first. */
    ObjectNode of(List<ObjectNode> oldestFirst) {
      List<ObjectNode> items = new ArrayList<>(oldestFirst);
      if (!ascending) {
        Collections.reverse(items);
      }
      int start = after.map(id -> indexOf(items, id) + 1).orElse(0);
      int end = Math.min(items.size(), start + limit);
      return ResponsesJson.page(items.subList(start, end), end < items.size());
    }

    private static int indexOf(List<ObjectNode> items, String id) {
      for (int i = 0; i < items.size(); i++) {
        if (items.get(i).get("id").textValue().equals(id)) {
          return i;
        }
      }
      throw ApiException.notFound("'after' names no item of this list.").withParam("after");
    }
  }

  static Query query(Call call) {
    return new Query(
        call.queryInteger("limit", 1, LIMIT_MAX).orElse((long) LIMIT_DEFAULT).intValue(),
        call.queryOneOf("order", List.of("asc", "desc")).orElse("desc").equals("asc"),
        Optional.ofNullable(call.query().get("after")));
  }
}
