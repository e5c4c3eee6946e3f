#!/bin/sh
# How does cron retrain a project every night, and reload the service only when another model serves?
#     15 2 * * *  /srv/churn/retrain_cron.sh /srv/churn/project /srv/churn/incoming
# RELOAD is the command that reloads your service, such as RELOAD="systemctl reload churn".
set -eu
project=$1
incoming=$2
mkdir -p "$incoming/added"

for file in "$incoming"/*.csv "$incoming"/*.parquet; do
    [ -e "$file" ] || continue
    # A refused file stays where it is, and cron mails the reason; adding the same file twice is harmless.
    if warmstart retrain add "$project" "$file"; then mv "$file" "$incoming/added/"; fi
done

code=0
warmstart retrain update "$project" --budget 2h --exit-code || code=$?
case $code in
    0 | 11) ${RELOAD:-true} ;;  # promoted, or rolled back by the watch: another model serves now
    10 | 99) ;;                 # kept, or nothing new
    75) echo "another process is at work, next night again" ;;
    *) exit "$code" ;;          # failed: the champion still serves
esac
