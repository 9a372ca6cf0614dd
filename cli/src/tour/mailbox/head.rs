//! A message's header.

use std::fmt::Write as _;

use super::outline::{LISTS, Oddity, Outline, date, message_id, person};
use super::random::Random;
use super::words;

pub(super) fn envelope(head: &mut String, outline: &Outline) {
    let mut random = outline.random(1);
    let (_, address) = person(outline.seed, outline.number);
    let _ = writeln!(
        head,
        "Return-Path: <{address}>\nDelivered-To: me@example.org"
    );
    for hop in 0..=random.below(3) {
        let id = random.next();
        let when = date(
            outline.sent + 2 * hop as i64,
            "%a, %d %b %Y %H:%M:%S %z (CEST)",
        );
        let _ = write!(
            head,
            "Received: from mx{hop}.example.com (mx{hop}.example.com [192.0.2.{}])\n\
             \tby mail.example.org (Postfix) with ESMTPS id {:010X}\n\
             \tfor <me@example.org>; {when}\n",
            id % 250,
            id >> 24,
        );
    }
    if let Some(list) = outline.list {
        let name = LISTS[list];
        let _ = write!(
            head,
            "List-Id: <{name}.lists.example.net>\n\
             List-Post: <mailto:{name}@lists.example.net>\n\
             List-Unsubscribe: <https://lists.example.net/options/{name}>,\n\
             \t<mailto:{name}-request@lists.example.net?subject=unsubscribe>\n\
             Precedence: list\n",
        );
    }
}

pub(super) fn headers(head: &mut String, outline: &Outline, oddity: Oddity) {
    let (name, address) = person(outline.seed, outline.number);
    let _ = writeln!(head, "From: {name} <{address}>");
    let to = outline.list.map_or("me@example.org".to_owned(), |list| {
        format!("{}@lists.example.net", LISTS[list])
    });
    let _ = writeln!(head, "To: {to}");
    subject(head, outline, oddity);
    match oddity {
        Oddity::NoDate => {}
        Oddity::WildDate => head.push_str("Date: Tue, 39 Foo 20011 99:61 (yesterday)\n"),
        Oddity::ObsoleteDate => {
            let when = date(outline.sent, "%A, %d-%b-%y %H:%M:%S");
            let _ = writeln!(head, "Date: {when} MET");
        }
        Oddity::FoldedEverything => {
            let when = date(outline.sent, "%a,\n\t%-d\n %b\n\t%Y %H:%M:%S\n %z");
            let _ = writeln!(head, "DATE:\n {when}");
        }
        _ => {
            let _ = writeln!(
                head,
                "Date: {}",
                date(outline.sent, "%a, %-d %b %Y %H:%M:%S %z")
            );
        }
    }
    if oddity != Oddity::NoMessageId {
        let _ = writeln!(
            head,
            "Message-ID: {}",
            message_id(outline.seed, outline.number)
        );
    }
    if let Some(parent) = outline.parent {
        let _ = writeln!(head, "In-Reply-To: {}", message_id(outline.seed, parent));
        let first = message_id(outline.seed, outline.root);
        let _ = writeln!(
            head,
            "References: {first}\n\t{}",
            message_id(outline.seed, parent)
        );
    }
    let agent = outline
        .random(2)
        .pick(&["Mutt/2.2.12", "Thunderbird 115.6", "Gnus/5.13"]);
    let _ = writeln!(head, "User-Agent: {agent}");
}

fn subject(head: &mut String, outline: &Outline, oddity: Oddity) {
    let mut random = Random::new(outline.seed, outline.root ^ (5 << 42));
    let length = 2 + random.below(6);
    let title = words::title(&mut random, length);
    let re = if outline.parent.is_some() { "Re: " } else { "" };
    let tag = outline
        .list
        .map_or(String::new(), |list| format!("[{}] ", LISTS[list]));
    let _ = match (oddity, random.below(12)) {
        (Oddity::FoldedEverything, _) => {
            writeln!(head, "Subject: {re}{tag}\n {}", title.replace(' ', "\n\t"))
        }
        (_, 0) => writeln!(
            head,
            "Subject: {re}{tag}=?UTF-8?Q?caf=C3=A9_{}?=",
            title.replace(' ', "_")
        ),
        (_, 1) => writeln!(head, "Subject: {re}{tag}{title} naïve ✉"),
        _ => writeln!(head, "Subject: {re}{tag}{title}"),
    };
}
