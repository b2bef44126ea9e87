#!/usr/bin/env bash
# Grants an application rights in Microsoft Graph, by their names: for who deployed without the right to.
#
#   infra/grant-permissions.sh PRINCIPAL [RIGHT...]
#
# PRINCIPAL is the object id of Vizsla's identity (the deployment's output IDENTITY_PRINCIPAL_ID), or of its service
# principal in another tenant. Without RIGHTs, hunting alone. Sign in first with `az login`, as a Privileged Role
# Administrator. What is granted already is left as it is.
set -euo pipefail

if [ $# -lt 1 ] || [ "${1#-}" != "$1" ]; then
    sed -n '2,8s/^#\( \|$\)//p' "$0" >&2
    exit 2
fi
principal=$1
shift
[ $# -gt 0 ] || set -- ThreatHunting.Read.All

graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
graph=${graph%/}/v1.0/servicePrincipals
offers=$(az ad sp show --id 00000003-0000-0000-c000-000000000000 --query id --output tsv)

for right in "$@"; do
    # The id is asked for each time: clouds differ, and lists of ids in circulation are wrong.
    role=$(az ad sp show --id "$offers" --output tsv \
        --query "appRoles[?value=='$right' && contains(allowedMemberTypes, 'Application')].id | [0]")
    if [ -z "$role" ]; then
        echo "$right: this tenant's Microsoft Graph does not offer it. Nothing more was granted." >&2
        [ "$right" != SecurityAlert.Create.All ] || echo "Take SecurityAlert.ReadWrite.All instead." >&2
        exit 1
    fi
    held=$(az rest --method get --url "$graph/$principal/appRoleAssignments" --output tsv \
        --query "value[?appRoleId=='$role' && resourceId=='$offers'].id | [0]")
    if [ -n "$held" ]; then
        echo "$right: granted before"
        continue
    fi
    az rest --method post --url "$graph/$principal/appRoleAssignments" --output none \
        --headers Content-Type=application/json \
        --body "{\"principalId\": \"$principal\", \"resourceId\": \"$offers\", \"appRoleId\": \"$role\"}"
    echo "$right: granted"
done
