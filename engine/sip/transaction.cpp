#include "engine/sip/transaction.h"

#include <algorithm>

namespace carillon::sip {

InviteClient::Action InviteClient::start(TimePoint now) {
  resend_.start(timing_.t1, now);  // timer A
  end_ = now + 64 * timing_.t1;    // timer B
  return Action::kSendInvite;
}

InviteClient::Action InviteClient::on_response(int status, TimePoint now) {
  const bool is_waiting = state_ == State::kCalling || state_ == State::kProceeding;
  if (status < 200) {
    if (!is_waiting) return Action::kNone;
    if (state_ == State::kCalling) end_ = is_limited_ ? now + 64 * timing_.t1 : TimePoint::max();
    state_ = State::kProceeding;
    resend_.stop();
    return Action::kReport;
  }
  if (status < 300) {
    if (is_waiting) {
      state_ = State::kAccepted;
      resend_.stop();
      end_ = now + 64 * timing_.t1;  // timer M
    }
    return state_ == State::kAccepted ? Action::kReport : Action::kNone;
  }
  if (state_ == State::kCompleted) return Action::kSendAck;
  if (!is_waiting) return Action::kNone;
  state_ = State::kCompleted;
  resend_.stop();
  end_ = now + std::max<Duration>(32s, 64 * timing_.t1);  // timer D
  return Action::kReportAndAck;
}

void InviteClient::limit(TimePoint now) {
  is_limited_ = true;
  if (state_ == State::kProceeding) end_ = now + 64 * timing_.t1;
}

InviteClient::Action InviteClient::on_deadline(TimePoint now) {
  if (now >= end_) {
    const bool was_waiting = state_ == State::kCalling || state_ == State::kProceeding;
    state_ = State::kTerminated;
    resend_.stop();
    end_ = TimePoint::max();
    return was_waiting ? Action::kReportTimeout : Action::kNone;
  }
  if (now < resend_.next) return Action::kNone;
  resend_.double_up_to(Duration::max(), now);
  return Action::kSendInvite;
}

TimePoint InviteClient::deadline() const { return std::min(resend_.next, end_); }

Client::Action Client::start(TimePoint now) {
  resend_.start(timing_.t1, now);  // timer E
  end_ = now + 64 * timing_.t1;    // timer F
  return Action::kSendRequest;
}

Client::Action Client::on_response(int status, TimePoint now) {
  if (state_ == State::kCompleted || state_ == State::kTerminated) return Action::kNone;
  if (status < 200) {
    if (state_ == State::kTrying) {
      state_ = State::kProceeding;
      resend_.gap = timing_.t2;  // from here every T2; the resend that is due stays due (§17.1.2.2)
    }
    return Action::kNone;
  }
  state_ = State::kCompleted;
  resend_.stop();
  end_ = now + timing_.t4;  // timer K
  return Action::kReport;
}

Client::Action Client::on_deadline(TimePoint now) {
  if (now >= end_) {
    const bool was_waiting = state_ != State::kCompleted;
    state_ = State::kTerminated;
    resend_.stop();
    end_ = TimePoint::max();
    return was_waiting ? Action::kReportTimeout : Action::kNone;
  }
  if (now < resend_.next) return Action::kNone;
  resend_.double_up_to(timing_.t2, now);
  return Action::kSendRequest;
}

TimePoint Client::deadline() const { return std::min(resend_.next, end_); }

InviteServer::Action InviteServer::respond(int status, TimePoint now) {
  if (state_ != State::kProceeding) return Action::kNone;
  if (status >= 200) {
    state_ = status < 300 ? State::kAccepted : State::kCompleted;
    resend_.start(timing_.t1, now);  // timer G, or the core's resend of the 2xx
    end_ = now + 64 * timing_.t1;    // timer H; L
  }
  return Action::kSendResponse;
}

InviteServer::Action InviteServer::on_invite() const {
  // Accepted: the 2xx is resent by its own clock (RFC 6026 §7.1); Confirmed: absorbed
  return state_ == State::kProceeding || state_ == State::kCompleted ? Action::kSendResponse : Action::kNone;
}

InviteServer::Action InviteServer::on_ack(TimePoint now) {
  if (state_ == State::kAccepted) {
    resend_.stop();
    if (is_acked_) return Action::kNone;
    is_acked_ = true;
    return Action::kReportAck;
  }
  if (state_ == State::kCompleted) {
    state_ = State::kConfirmed;
    resend_.stop();
    end_ = now + timing_.t4;  // timer I
  }
  return Action::kNone;
}

InviteServer::Action InviteServer::on_deadline(TimePoint now) {
  if (now >= end_) {
    const bool was_waiting = state_ == State::kCompleted || (state_ == State::kAccepted && !is_acked_);
    state_ = State::kTerminated;
    resend_.stop();
    end_ = TimePoint::max();
    return was_waiting ? Action::kReportTimeout : Action::kNone;
  }
  if (now < resend_.next) return Action::kNone;
  resend_.double_up_to(timing_.t2, now);
  return Action::kSendResponse;
}

TimePoint InviteServer::deadline() const { return std::min(resend_.next, end_); }

Server::Action Server::respond(int status, TimePoint now) {
  if (state_ != State::kTrying || status < 200) return Action::kNone;
  state_ = State::kCompleted;
  end_ = now + 64 * timing_.t1;  // timer J
  return Action::kSendResponse;
}

Server::Action Server::on_request() const {
  return state_ == State::kCompleted ? Action::kSendResponse : Action::kNone;
}

Server::Action Server::on_deadline(TimePoint now) {
  if (now >= end_) {
    state_ = State::kTerminated;
    end_ = TimePoint::max();
  }
  return Action::kNone;
}

}  // namespace carillon::sip
