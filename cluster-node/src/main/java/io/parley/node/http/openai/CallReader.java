package io.parley.node.http.openai;

import io.parley.routing.protocol.AnswerForm;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds calls of tools in an answer that comes piece by piece. What may be the beginning of a call,
 * or of its end, is held back until it is known. What was given after some pieces depends on their
 * text alone, not on where it was cut.
 */
final class CallReader {
  /** A part of an answer. */
  sealed interface Part {}

  /** Text outside of calls. */
  record Text(String text) implements Part {}

  /** A call begins. */
  record Begin(String name) implements Part {}

  /** More of the call's arguments. */
  record Arguments(String json) implements Part {}

  /** The call is whole. */
  record End() implements Part {}

  private enum In {
    TEXT,
    NAME,
    ARGUMENTS
  }

  private In in = In.TEXT;
  private String held = "";

  /** The parts that are known with this text. */
  List<Part> push(String text) {
    held += text;
    List<Part> parts = new ArrayList<>(2);
    while (true) {
      String mark =
          switch (in) {
            case TEXT -> AnswerForm.CALL_BEGIN;
            case NAME -> AnswerForm.CALL_ARGUMENTS;
            case ARGUMENTS -> AnswerForm.CALL_END;
          };
      int at = held.indexOf(mark);
      if (at < 0) {
        if (in != In.NAME) {
          give(held.length() - beginningOf(mark), parts);
        }
        return parts;
      }
      if (in == In.NAME) {
        parts.add(new Begin(held.substring(0, at)));
        held = held.substring(at);
        in = In.ARGUMENTS;
      } else {
        give(at, parts);
        if (in == In.ARGUMENTS) {
          parts.add(new End());
        }
        in = in == In.TEXT ? In.NAME : In.TEXT;
      }
      held = held.substring(mark.length());
    }
  }

  /** What was held back, at the answer's end. */
  List<Part> end() {
    List<Part> parts = new ArrayList<>(1);
    if (in != In.NAME) {
      give(held.length(), parts);
    }
    return parts;
  }

  private void give(int length, List<Part> parts) {
    if (length > 0) {
      String text = held.substring(0, length);
      parts.add(in == In.TEXT ? new Text(text) : new Arguments(text));
      held = held.substring(length);
    }
  }

  /** How many characters at the end may be the beginning of the mark. */
  private int beginningOf(String mark) {
    for (int length = Math.min(mark.length() - 1, held.length()); length > 0; length--) {
      if (held.endsWith(mark.substring(0, length))) {
        return length;
      }
    }
    return 0;
  }
}
